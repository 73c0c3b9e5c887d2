import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { exportOnnx } from '../../../src/engine/export/exportOnnx.ts';
import { measureDecoders } from '../../../src/engine/export/measure.ts';
import { peakMemoryOf } from '../../../src/engine/export/peakMemory.ts';
import { Runtime, type Session } from '../../../src/engine/runtime/runtime.ts';
import { denseSubnet } from '../../../src/engine/model/subnet.ts';
import { isEngineError } from '../../../src/protocol/errors.ts';
import { randomMasks } from '../../fixtures/randomSubnet.ts';
import { tinyWeights } from '../../fixtures/tinyModel.ts';
import { F32, LLAMA, randomWindows } from './candidates.ts';

/** Counts the sessions that are loaded. */
class CountingRuntime extends Runtime {
  live = 0;
  most = 0;

  override async session(...args: Parameters<Runtime['session']>): Promise<Session> {
    const session = await super.session(...args);
    this.most = Math.max(this.most, ++this.live);
    const release = session.release.bind(session);
    session.release = () => {
      this.live--;
      return release();
    };
    return session;
  }
}

describe('measuring decoders', () => {
  const runtime = new Runtime('cpu', 2);
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'measure-'));
  });
  after(async () => {
    await runtime.release();
    await rm(folder, { recursive: true });
  });

  test('times the dense model and a subnet in turns, each round against the other', async () => {
    const weights = tinyWeights(LLAMA);
    const dense = await exportOnnx(join(folder, 'd'), weights, denseSubnet(weights.shape), F32);
    const small = await exportOnnx(join(folder, 's'), weights, randomMasks(weights.shape, 1), F32);
    const models = [
      { name: 'dense', path: dense.path },
      { name: 'subnet', path: small.path },
    ];
    const [prompt] = randomWindows(weights.shape.vocab, 1, 9) as [Uint32Array];
    const options = { prompt, decodeTokens: 3, warmUp: 1, rounds: 8, dense: 'dense' };
    const measured = await measureDecoders(runtime, models, options);
    assert.deepEqual(
      measured.map(({ name }) => name),
      ['dense', 'subnet'],
    );
    assert.ok(measured[0]!.bytes > measured[1]!.bytes);
    for (const { prefill, decode, ratio } of measured) {
      for (const { lower, median, upper } of [prefill, decode]) {
        assert.ok(lower > 0 && lower <= median && median <= upper);
      }
      for (const { low, median, high } of [ratio!.prefill, ratio!.decode]) {
        assert.ok(low > 0 && low <= median && median <= high);
      }
    }
    const one = { median: 1, low: 1, high: 1 };
    assert.deepEqual(measured[0]!.ratio, { prefill: one, decode: one });
    const alone = await measureDecoders(runtime, models.slice(1), { ...options, rounds: 1 });
    assert.equal(alone[0]!.ratio, null, 'nothing to be compared with');
  });

  test('holds two decoders at a time, however many it times', async () => {
    const counting = new CountingRuntime('cpu', 1);
    const weights = tinyWeights(LLAMA);
    const models: { name: string; path: string }[] = [];
    for (const [seed, name] of ['dense', 'one', 'two', 'three'].entries()) {
      const subnet = seed === 0 ? denseSubnet(weights.shape) : randomMasks(weights.shape, seed);
      models.push({
        name,
        ...(await exportOnnx(join(folder, `of ${name}`), weights, subnet, F32)),
      });
    }
    const [prompt] = randomWindows(weights.shape.vocab, 1, 5) as [Uint32Array];
    const options = { prompt, decodeTokens: 1, warmUp: 1, rounds: 8, dense: 'dense' };
    const measured = await measureDecoders(counting, models, options);
    assert.deepEqual([counting.most, counting.live], [2, 0]);
    assert.deepEqual(
      measured.map(({ name, ratio }) => [name, ratio !== null]),
      models.map(({ name }) => [name, true]),
    );
    await measureDecoders(counting, models, { ...options, dense: 'none of them' });
    assert.equal(counting.live, 0);
    await counting.release();
  });

  test('finds the peak memory of a model to be its weights and more, whatever runs it', async (t) => {
    // Large enough that weights outweigh what a process allocates besides, some MB.
    const weights = tinyWeights({ layers: 2, hidden: 512, intermediate: 4096, headDim: 128 });
    const dense = denseSubnet(weights.shape);
    const half = { layers: dense.layers.map((mask) => ({ ...mask, mlp: mask.mlp.slice(2048) })) };
    const sizes: { bytes: number; peak: number | null }[] = [];
    for (const [name, subnet] of Object.entries({ dense, half })) {
      const { path, bytes } = await exportOnnx(join(folder, name), weights, subnet, F32);
      const peak = await peakMemoryOf(path, { threads: 1, promptTokens: 16 });
      sizes.push({ bytes, peak });
    }
    const [whole, part] = sizes as [(typeof sizes)[0], (typeof sizes)[0]];
    if (whole.peak === null || part.peak === null) {
      t.diagnostic('this system does not say how much memory a process takes');
      return;
    }
    assert.ok(whole.peak > whole.bytes && part.peak > part.bytes, JSON.stringify(sizes));
    assert.ok(whole.peak < 4 * whole.bytes, JSON.stringify(sizes));
    const saved = whole.bytes - part.bytes;
    assert.ok(whole.peak - part.peak > 0.7 * saved, JSON.stringify(sizes));
  });

  test('says why the memory of a file that is no decoder is not known', async () => {
    const path = join(folder, 'none', 'model.onnx');
    await assert.rejects(peakMemoryOf(path, { threads: 1, promptTokens: 1 }), (error) => {
      assert.ok(isEngineError(error, 'device'));
      assert.match(error.problem.found, /model\.onnx/);
      return true;
    });
  });
});
