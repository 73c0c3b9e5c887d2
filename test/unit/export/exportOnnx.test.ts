import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { ModelWeights } from '../../../src/engine/checkpoint/modelWeights.ts';
import { exportOnnx } from '../../../src/engine/export/exportOnnx.ts';
import { OnnxDecoder } from '../../../src/engine/export/onnxDecoder.ts';
import { searchTimeLogits } from '../../../src/engine/export/searchTimeLogits.ts';
import { ForwardPass } from '../../../src/engine/graphs/forwardPass.ts';
import { LossHead } from '../../../src/engine/graphs/lossHead.ts';
import { rngFor } from '../../../src/engine/numeric/rng.ts';
import { Runtime } from '../../../src/engine/runtime/runtime.ts';
import { denseSubnet } from '../../../src/engine/subnet/count.ts';
import type { Subnet } from '../../../src/engine/subnet/subnet.ts';
import { randomMasks } from '../../fixtures/randomSubnet.ts';
import { type TinyOptions, tinyWeights } from '../../fixtures/tinyModel.ts';

const ORIGIN = { sourceFingerprint: 'f'.repeat(64), engineVersion: '0' };
const LLAMA: TinyOptions = { layers: 3, heads: 6, kvHeads: 3, headDim: 8, hidden: 40 };
const OPT: TinyOptions = { family: 'opt', layers: 3, heads: 4, hidden: 32 };

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

  async function checkDecoder(
    name: string,
    weights: ModelWeights,
    subnet: Subnet,
    dtype: 'F32' | 'F16' | 'BF16' = 'F32',
    tolerance = 2e-4,
  ): Promise<void> {
    const dir = join(folder, name);
    const { path } = await exportOnnx(dir, weights, subnet, { dtype, origin: ORIGIN });
    const decoder = await OnnxDecoder.open(runtime, path);
    const forward = new ForwardPass(runtime, weights.shape);
    const search = { forward, head: new LossHead(forward) };
    const windows = [1, 2].map((seed) => randomTokens(weights.shape.vocab, 11, seed));
    const expected = await Promise.all(
      windows.map((window) => searchTimeLogits(search, weights, subnet, window)),
    );
    const { vocab } = weights.shape;
    const { logits } = await decoder.step(windows);
    assert.ok(difference(logits, Float32Array.from(expected.flatMap((e) => [...e]))) < tolerance);

    // A prompt of 4, then single tokens, then a piece of 3, all through the cache.
    let from = 0;
    let cache = decoder.emptyCache(2);
    for (const length of [4, 1, 1, 1, 3, 1]) {
      const step = await decoder.step(
        windows.map((window) => window.slice(from, from + length)),
        cache,
      );
      windows.forEach((_, b) => {
        const got = step.logits.subarray(b * length * vocab, (b + 1) * length * vocab);
        const want = expected[b]!.subarray(from * vocab, (from + length) * vocab);
        assert.ok(difference(got, want) < tolerance, `tokens ${from} to ${from + length}`);
      });
      cache = step.cache;
      from += length;
    }
    await decoder.release();
  }

  test('writes a dense Llama whose logits are those of the engine', async () => {
    const weights = tinyWeights(LLAMA);
    await checkDecoder('dense-llama', weights, denseSubnet(weights.shape));
  });

  test('writes a dense OPT whose logits are those of the engine', async () => {
    const weights = tinyWeights(OPT);
    await checkDecoder('dense-opt', weights, denseSubnet(weights.shape));
  });

  for (const seed of [1, 2, 3, 4, 5, 6]) {
    test(`writes ragged subnets that decode as they prefill (seed ${seed})`, async () => {
      for (const options of [LLAMA, { ...LLAMA, tied: false }, OPT]) {
        const weights = tinyWeights({ ...options, seed });
        await checkDecoder(`ragged-${seed}`, weights, randomMasks(weights.shape, seed));
      }
    });
  }
});

function randomTokens(vocab: number, count: number, seed: number): Uint32Array {
  const rng = rngFor(seed, 'tokens');
  return Uint32Array.from({ length: count }, () => rng.int(vocab));
}

function difference(a: Float32Array, b: Float32Array): number {
  assert.equal(a.length, b.length);
  return a.reduce((max, value, i) => Math.max(max, Math.abs(value - b[i]!)), 0);
}
