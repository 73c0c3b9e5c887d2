import assert from 'node:assert/strict';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ModelWeights } from '../../../src/engine/checkpoint/modelWeights.ts';
import { openSource, type Source } from '../../../src/engine/checkpoint/openCheckpoint.ts';
import { loadWeights } from '../../../src/engine/checkpoint/loadWeights.ts';
import { exportCheckpoint } from '../../../src/engine/export/exportCheckpoint.ts';
import { exportOnnx } from '../../../src/engine/export/exportOnnx.ts';
import type { SearchTimeModel } from '../../../src/engine/export/searchTimeLogits.ts';
import { type Reference, referenceOf } from '../../../src/engine/export/logitReference.ts';
import { verifyCheckpoint, verifyOnnx } from '../../../src/engine/export/verify.ts';
import { Runtime } from '../../../src/engine/runtime/runtime.ts';
import type { Subnet } from '../../../src/engine/model/subnet.ts';
import { isEngineError } from '../../../src/protocol/errors.ts';
import { randomMasks } from '../../fixtures/randomSubnet.ts';
import { tinyWeights, writeTinyModel } from '../../fixtures/tinyModel.ts';
import { F32, LLAMA, PHI3, randomWindows, searchTimeModel } from './candidates.ts';

const isFailure = (error: unknown): boolean => isEngineError(error, 'verify');

describe('verifying', () => {
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
    reference = await referenceOf(search, { weights, subnet }, windows, { dtype: 'F32' });
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
      const stored = await referenceOf(search, { weights, subnet }, reference.windows, { dtype });
      const [onnx, hf] = [
        await verifyOnnx(path, runtime, stored),
        await verifyCheckpoint(join(dir, 'hf'), search, stored),
      ];
      for (const { maxDifference, tolerance, klNats, klTolerance, rounding, tokens } of [
        onnx,
        hf,
      ]) {
        assert.ok(maxDifference <= tolerance && klNats! <= klTolerance!);
        assert.ok(tolerance < 1e-3 * stored.largest, 'the same for every storage type');
        assert.equal(tokens, 18);
        assert.equal(rounding === null, dtype === 'F32');
      }
      // The checkpoint runs on the same graphs with the same values.
      assert.equal(hf.maxDifference, 0);
      // What rounding costs is known apart: about the square of its relative error.
      if (dtype !== 'F32') {
        const { klNats } = onnx.rounding!;
        const [least, most] = dtype === 'F16' ? [1e-9, 1e-5] : [1e-7, 1e-3];
        assert.ok(klNats > least && klNats < most, `${dtype}: ${klNats}`);
      }
    }
  });

  test('decodes texts that turn by other frequencies once they are long', async () => {
    // Windows beyond, at and below six tokens: half of the longest would be a short text.
    const factors = { short_factor: [1, 2, 3, 4], long_factor: [5, 6, 7, 8] };
    const config = {
      original_max_position_embeddings: 6,
      rope_scaling: { type: 'longrope', ...factors },
    };
    const phi3 = tinyWeights({ ...PHI3, config });
    const masks = randomMasks(phi3.shape, 3);
    const model = searchTimeModel(runtime, phi3.shape);
    const { path } = await exportOnnx(join(folder, 'longrope'), phi3, masks, F32);
    for (const length of [9, 7, 6, 4]) {
      const windows = randomWindows(phi3.shape.vocab, 1, length);
      const of = { weights: phi3, subnet: masks };
      const found = await referenceOf(model, of, windows, { dtype: 'F32' });
      const { maxDifference, tolerance } = await verifyOnnx(path, runtime, found);
      assert.ok(maxDifference <= tolerance, `${length} tokens`);
    }
  });

  test('refuses the export of another subnet', async () => {
    const other = randomMasks(weights.shape, 2);
    const { path } = await exportOnnx(join(folder, 'other'), weights, other, F32);
    await assert.rejects(verifyOnnx(path, runtime, reference), isFailure);
    await exportCheckpoint(join(folder, 'other-hf'), weights, other, source, F32);
    const checking = verifyCheckpoint(join(folder, 'other-hf'), search, reference);
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
      await assert.rejects(verifyOnnx(path, runtime, reference), isFailure);
    }
  });

  test('notices a small error of all logits that no single one shows', async () => {
    // 0.015% stays under the tolerance of 0.02% for the largest logit, and so for every one.
    const finalNorm = weights.finalNorm!;
    const gain = finalNorm.gain.map((value) => 1.00015 * value);
    const drifted = new ModelWeights({ ...weights, finalNorm: { ...finalNorm, gain } });
    const { path } = await exportOnnx(join(folder, 'drifted'), drifted, subnet, F32);
    await assert.rejects(verifyOnnx(path, runtime, reference), (error) => {
      assert.ok(isFailure(error));
      assert.match(String(error), /root mean square/);
      return true;
    });
  });

  test('says so when a file is no decoder at all', async () => {
    const path = join(folder, 'source', 'tokenizer.json');
    await assert.rejects(verifyOnnx(path, runtime, reference), (error) => isEngineError(error));
  });
});
