import assert from 'node:assert/strict';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { ModelWeights } from '../../../src/engine/checkpoint/modelWeights.ts';
import { openSource, type Source } from '../../../src/engine/checkpoint/openCheckpoint.ts';
import { loadWeights } from '../../../src/engine/checkpoint/loadWeights.ts';
import { exportCheckpoint } from '../../../src/engine/export/exportCheckpoint.ts';
import { exportOnnx } from '../../../src/engine/export/exportOnnx.ts';
import { measureDecoders, timingOf } from '../../../src/engine/export/measure.ts';
import type { SearchTimeModel } from '../../../src/engine/export/searchTimeLogits.ts';
import {
  type Reference,
  referenceOf,
  verifyCheckpoint,
  verifyOnnx,
} from '../../../src/engine/export/verify.ts';
import { Runtime } from '../../../src/engine/runtime/runtime.ts';
import { denseSubnet } from '../../../src/engine/subnet/count.ts';
import type { Subnet } from '../../../src/engine/subnet/subnet.ts';
import { isEngineError } from '../../../src/protocol/errors.ts';
import { randomMasks } from '../../fixtures/randomSubnet.ts';
import { writeTinyModel } from '../../fixtures/tinyModel.ts';
import { F32, LLAMA, randomWindows, searchTimeModel } from './candidates.ts';

const isFailure = (error: unknown): boolean => isEngineError(error, 'verify');

describe('verify and measure', () => {
  let folder: string;
  let source: Source;
  let weights: ModelWeights;
  let subnet: Subnet;
  let search: SearchTimeModel;
  let reference: Reference;
  const runtime = new Runtime('cpu', 2);
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'verify-'));
    await writeTinyModel(join(folder, 'source'), LLAMA);
    source = await openSource(join(folder, 'source'));
    weights = await loadWeights(source);
    subnet = randomMasks(weights.shape, 1);
    search = searchTimeModel(runtime, weights.shape);
    const windows = randomWindows(weights.shape.vocab, 2, 9);
    reference = await referenceOf(search, weights, subnet, windows);
  });
  after(async () => {
    await runtime.release();
    await rm(folder, { recursive: true });
  });

  test('accepts true exports of every storage type and reports what it compared', async () => {
    for (const dtype of ['F32', 'F16', 'BF16'] as const) {
      const dir = join(folder, dtype);
      const { path } = await exportOnnx(join(dir, 'onnx'), weights, subnet, { ...F32, dtype });
      await exportCheckpoint(join(dir, 'hf'), weights, subnet, source, { ...F32, dtype });
      const reports = [
        await verifyOnnx(path, dtype, search, reference),
        await verifyCheckpoint(join(dir, 'hf'), dtype, search, reference),
      ];
      for (const { maxDifference, tolerance, tokens } of reports) {
        assert.ok(maxDifference <= tolerance);
        assert.equal(tokens, 18);
      }
      // The checkpoint runs on the same graphs, so only rounding can make a difference.
      assert.equal(reports[1]!.maxDifference === 0, dtype === 'F32');
    }
  });

  test('refuses the export of another subnet', async () => {
    const other = randomMasks(weights.shape, 2);
    const { path } = await exportOnnx(join(folder, 'other'), weights, other, F32);
    await assert.rejects(verifyOnnx(path, 'F32', search, reference), isFailure);
    await exportCheckpoint(join(folder, 'other-hf'), weights, other, source, F32);
    const checking = verifyCheckpoint(join(folder, 'other-hf'), 'F32', search, reference);
    await assert.rejects(checking, isFailure);
  });

  test('notices a damaged weight on disk, even one that is not a number', async () => {
    for (const value of [3, NaN]) {
      const { path } = await exportOnnx(join(folder, 'damaged'), weights, subnet, F32);
      const file = await open(`${path}.data`, 'r+');
      const bytes = new Uint8Array(Float32Array.of(value).buffer);
      // The embedding comes first: a value of a token that the windows hold.
      const token = reference.windows[0]![4]!;
      await file.write(bytes, 0, 4, 4 * (token * weights.shape.hidden + 5));
      await file.close();
      await assert.rejects(verifyOnnx(path, 'F32', search, reference), isFailure);
    }
  });

  test('notices a small error of all logits that no single one shows', async () => {
    // 0.023% stays under the tolerance of 0.1% even for a logit four times the usual size.
    const gain = weights.finalNorm.gain.map((value) => 1.00023 * value);
    const drifted = { ...weights, finalNorm: { ...weights.finalNorm, gain } };
    const { path } = await exportOnnx(join(folder, 'drifted'), drifted, subnet, F32);
    await assert.rejects(verifyOnnx(path, 'F32', search, reference), (error) => {
      assert.ok(isFailure(error));
      assert.match(String(error), /root mean square/);
      return true;
    });
  });

  test('says so when a file is no decoder at all', async () => {
    const path = join(folder, 'source', 'tokenizer.json');
    await assert.rejects(verifyOnnx(path, 'F32', search, reference), (error) =>
      isEngineError(error),
    );
  });

  test('measures the dense model and a subnet in turns', async () => {
    const paths = [denseSubnet(weights.shape), subnet].map(
      async (one, i) => (await exportOnnx(join(folder, `timed-${i}`), weights, one, F32)).path,
    );
    const [dense, small] = await Promise.all(paths);
    const models = [
      { name: 'dense', path: dense! },
      { name: 'subnet', path: small! },
    ];
    const prompt = reference.windows[0]!;
    const options = { prompt, decodeTokens: 3, warmUp: 1, rounds: 4 };
    const measured = await measureDecoders(runtime, models, options);
    assert.deepEqual(
      measured.map(({ name }) => name),
      ['dense', 'subnet'],
    );
    assert.ok(measured[0]!.bytes > measured[1]!.bytes);
    for (const { prefill, decode, peakBytes, baselineBytes } of measured) {
      assert.deepEqual([prefill.samples, decode.samples], [4, 12]);
      for (const timing of [prefill, decode]) {
        assert.ok(timing.lowerQuartileMs > 0);
        assert.ok(timing.lowerQuartileMs <= timing.medianMs);
        assert.ok(timing.medianMs <= timing.upperQuartileMs);
      }
      assert.equal(peakBytes === null, baselineBytes === null);
      if (peakBytes !== null) assert.ok(peakBytes >= baselineBytes!);
    }
  });

  test('interpolates quartiles', () => {
    assert.deepEqual(timingOf([4, 1, 3, 2]), {
      medianMs: 2.5,
      lowerQuartileMs: 1.75,
      upperQuartileMs: 3.25,
      samples: 4,
    });
    assert.equal(timingOf([5]).upperQuartileMs, 5);
  });
});
