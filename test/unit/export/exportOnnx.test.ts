import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { fromBinary } from '@bufbuild/protobuf';
import { ModelWeights } from '../../../src/engine/checkpoint/modelWeights.ts';
import type { StoredDtype } from '../../../src/engine/checkpoint/storedFloats.ts';
import { exportOnnx } from '../../../src/engine/export/exportOnnx.ts';
import { OnnxDecoder } from '../../../src/engine/export/onnxDecoder.ts';
import { searchTimeLogits } from '../../../src/engine/export/searchTimeLogits.ts';
import { type ModelProto, ModelProtoSchema } from '../../../src/engine/onnx/proto/onnx_pb.ts';
import { Runtime } from '../../../src/engine/runtime/runtime.ts';
import { countParameters } from '../../../src/engine/model/cost.ts';
import { subnetKey } from '../../../src/engine/subnet/key.ts';
import { denseSubnet, type Subnet } from '../../../src/engine/model/subnet.ts';
import { isEngineError } from '../../../src/protocol/errors.ts';
import { randomMasks } from '../../fixtures/randomSubnet.ts';
import { tinyWeights } from '../../fixtures/tinyModel.ts';
import {
  changed,
  difference,
  F32,
  LLAMA,
  NEOX,
  NO_HEAD,
  OPT,
  OPT_350M,
  randomWindows,
  searchTimeModel,
  withoutAttention,
} from './candidates.ts';

describe('exportOnnx', () => {
  let folder: string;
  const runtime = new Runtime('cpu', 2);
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'onnx-'));
  });
  after(async () => {
    await runtime.release();
    await rm(folder, { recursive: true });
  });

  /** Exports, reloads, and compares two sequences at once: whole, and in pieces through the cache. */
  async function checkDecoder(
    weights: ModelWeights,
    subnet: Subnet,
    { dtype = 'F32', tolerance = 2e-4 }: { dtype?: StoredDtype; tolerance?: number } = {},
  ): Promise<void> {
    const { vocab } = weights.shape;
    const { path } = await exportOnnx(join(folder, 'checked'), weights, subnet, { ...F32, dtype });
    const decoder = await OnnxDecoder.open(runtime, path);
    const search = searchTimeModel(runtime, weights.shape);
    const windows = randomWindows(vocab, 2, 11);
    const expected: Float32Array[] = [];
    for (const window of windows) {
      expected.push(await searchTimeLogits(search, weights, subnet, window));
    }
    const size = 11 * vocab;
    const { logits } = await decoder.step(windows);
    expected.forEach((want, b) => {
      assert.ok(difference(logits.subarray(b * size, (b + 1) * size), want) < tolerance, 'prompt');
    });
    // A prompt of 4, then single tokens, then a piece of 3, then one more.
    let from = 0;
    let cache = decoder.emptyCache(2);
    for (const length of [4, 1, 1, 1, 3, 1]) {
      const pieces = windows.map((window) => window.slice(from, from + length));
      const step = await decoder.step(pieces, cache);
      expected.forEach((all, b) => {
        const got = step.logits.subarray(b * length * vocab, (b + 1) * length * vocab);
        const want = all.subarray(from * vocab, (from + length) * vocab);
        assert.ok(difference(got, want) < tolerance, `tokens ${from} to ${from + length}`);
      });
      cache = step.cache;
      from += length;
    }
    await decoder.release();
  }

  for (const options of [LLAMA, { ...LLAMA, tied: false }, OPT, NEOX]) {
    test(`writes dense models that decode as they prefill: ${JSON.stringify(options)}`, async () => {
      const weights = tinyWeights(options);
      await checkDecoder(weights, denseSubnet(weights.shape));
    });
  }

  for (const seed of [1, 2, 3, 4, 5, 6]) {
    test(`writes ragged subnets that decode as they prefill (seed ${seed})`, async () => {
      for (const options of [LLAMA, { ...LLAMA, kvHeads: 6 }, OPT, NEOX]) {
        const weights = tinyWeights({ ...options, seed });
        await checkDecoder(weights, randomMasks(weights.shape, seed));
      }
    });
  }

  test('keeps biases, norm shifts and scaled frequencies', async () => {
    const scaling = {
      rope_type: 'llama3',
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 64,
    };
    const config = { attention_bias: true, mlp_bias: true, rope_scaling: scaling };
    const weights = tinyWeights({ ...LLAMA, config });
    await checkDecoder(weights, randomMasks(weights.shape, 9));
  });

  test('lets removed sublayers, blocks and their caches vanish', async () => {
    for (const options of [LLAMA, OPT, OPT_350M, NEOX]) {
      const weights = tinyWeights(options);
      const subnet = changed(weights.shape, (mask, l) => {
        if (l === 0) return withoutAttention(mask);
        return l === 1
          ? { ...withoutAttention(mask), mlp: new Uint32Array(0) }
          : { ...mask, heads: [NO_HEAD, ...mask.heads.slice(1)] };
      });
      await checkDecoder(weights, subnet);
      const inputs = (await modelAt(folder)).graph!.input.map(({ name }) => name);
      assert.deepEqual(inputs, ['input_ids', 'past_2_key', 'past_2_value']);
    }
  });

  test('takes the past length as an input when no cache is left to read it from', async () => {
    const weights = tinyWeights(OPT);
    await checkDecoder(weights, changed(weights.shape, withoutAttention));
    const inputs = (await modelAt(folder)).graph!.input.map(({ name }) => name);
    assert.deepEqual(inputs, ['input_ids', 'past_length']);
  });

  test('keeps positions exact far beyond the first table of angles', async () => {
    const weights = tinyWeights({ ...LLAMA, config: { max_position_embeddings: 2048 } });
    const subnet = randomMasks(weights.shape, 3);
    const [window] = randomWindows(weights.shape.vocab, 1, 700);
    const search = searchTimeModel(runtime, weights.shape);
    const expected = await searchTimeLogits(search, weights, subnet, window!);
    const { path } = await exportOnnx(join(folder, 'long'), weights, subnet, F32);
    const decoder = await OnnxDecoder.open(runtime, path);
    const { logits } = await decoder.step([window!]);
    assert.ok(difference(logits, expected) < 2e-4);
  });

  for (const [dtype, tolerance] of [
    ['F16', 0.05],
    ['BF16', 0.4],
  ] as const) {
    test(`stores ${dtype} in half the bytes and computes in float32`, async () => {
      const weights = tinyWeights(LLAMA);
      const subnet = randomMasks(weights.shape, 2);
      await checkDecoder(weights, subnet, { dtype, tolerance });
      const half = await exportOnnx(join(folder, dtype), weights, subnet, { ...F32, dtype });
      const whole = await exportOnnx(join(folder, 'F32'), weights, subnet, F32);
      assert.ok(half.bytes < 0.7 * whole.bytes, `${half.bytes} of ${whole.bytes}`);
    });
  }

  test('stores every kept parameter once, a tied embedding too', async () => {
    for (const options of [LLAMA, { ...LLAMA, tied: false }, OPT, OPT_350M]) {
      const weights = tinyWeights(options);
      const subnet = randomMasks(weights.shape, 4);
      await exportOnnx(join(folder, 'checked'), weights, subnet, F32);
      const model = (await modelAt(folder)).graph!.initializer.filter(
        ({ name }) => name.startsWith('model.') || name.startsWith('lm_head'),
      );
      const stored = model.map(({ dims }) => Number(dims.reduce((a, b) => a * b, 1n)));
      const { total } = countParameters(weights.shape, subnet);
      assert.equal(
        stored.reduce((a, b) => a + b, 0),
        total,
      );
    }
  });

  test('aligns external tensors to pages and says where it comes from', async () => {
    const weights = tinyWeights(LLAMA);
    const subnet = denseSubnet(weights.shape);
    await exportOnnx(join(folder, 'checked'), weights, subnet, F32);
    const model = await modelAt(folder);
    const offsets = model.graph!.initializer.flatMap(({ externalData }) =>
      externalData.filter(({ key }) => key === 'offset').map(({ value }) => Number(value)),
    );
    assert.ok(offsets.length > 10);
    assert.deepEqual(
      offsets.filter((offset) => offset % 4096 !== 0),
      [],
    );
    const metadata = Object.fromEntries(model.metadataProps.map(({ key, value }) => [key, value]));
    assert.deepEqual(metadata, {
      subnet_key: subnetKey(subnet),
      source_fingerprint: F32.origin.sourceFingerprint,
      engine_version: F32.origin.engineVersion,
    });
  });

  test('comes with a Node example that runs as printed', async () => {
    const weights = tinyWeights({ ...LLAMA, tied: false });
    const subnet = randomMasks(weights.shape, 1);
    const { path } = await exportOnnx(join(folder, 'readme'), weights, subnet, F32);
    const readme = await readFile(join(folder, 'readme', 'README.md'), 'utf8');
    const example = /```js\n([^]*?)```/.exec(readme)![1]!;
    const program = join(folder, 'readme', 'example.mjs');
    const here = example.replace(
      "'onnxruntime-node'",
      `'${import.meta.resolve('onnxruntime-node')}'`,
    );
    await writeFile(program, here);
    const { stdout } = await promisify(execFile)(process.execPath, [program], {
      cwd: join(folder, 'readme'),
    });
    const printed = JSON.parse(stdout) as number[];
    const decoder = await OnnxDecoder.open(runtime, path);
    const tokens = [1, 2, 3];
    for (let i = 0; i < 16; i++) {
      const { logits } = await decoder.step([Uint32Array.from(tokens)]);
      const last = logits.slice(-weights.shape.vocab);
      tokens.push(last.indexOf(Math.max(...last)));
    }
    assert.deepEqual(printed, tokens);
    assert.ok(new Set(tokens.slice(3)).size > 3, 'a text that repeats one token proves little');
  });

  test('leaves no half-written file when a weight does not fit or the user stops', async () => {
    const weights = tinyWeights(LLAMA);
    const huge = new ModelWeights({ ...weights, embedding: weights.embedding.map(() => 1e6) });
    const dir = join(folder, 'failing');
    const half = exportOnnx(dir, huge, denseSubnet(weights.shape), { ...F32, dtype: 'F16' });
    await assert.rejects(half, (error) => isEngineError(error, 'numeric'));
    const signal = AbortSignal.abort();
    const stopped = exportOnnx(dir, weights, denseSubnet(weights.shape), { ...F32, signal });
    await assert.rejects(stopped, (error) => isEngineError(error, 'cancelled'));
    assert.deepEqual(await readdir(dir), []);
  });
});

async function modelAt(folder: string): Promise<ModelProto> {
  return fromBinary(ModelProtoSchema, await readFile(join(folder, 'checked', 'model.onnx')));
}
