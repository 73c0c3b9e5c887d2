import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { exportOnnx } from '../../../src/engine/export/exportOnnx.ts';
import { referenceOf } from '../../../src/engine/export/logitReference.ts';
import { verifyOnnx } from '../../../src/engine/export/verify.ts';
import { Runtime } from '../../../src/engine/runtime/runtime.ts';
import { tinyWeights } from '../../fixtures/tinyModel.ts';
import { changed, F32, randomWindows, searchTimeModel } from './candidates.ts';

test('heads that keep the first and the second half of the pairs rotate by their own', async () => {
  // Listed one after the other their pairs are 0, 1, 2, 3: all pairs, yet not the whole table.
  const folder = await mkdtemp(join(tmpdir(), 'halves-'));
  const runtime = new Runtime('cpu', 2);
  try {
    const weights = tinyWeights({ layers: 2, kvHeads: 2, headDim: 8 });
    const subnet = changed(weights.shape, (mask) => ({
      ...mask,
      heads: mask.heads.map(({ vo }, g) => ({ vo, qk: Uint32Array.of(2 * g, 2 * g + 1) })),
    }));
    const { path } = await exportOnnx(folder, weights, subnet, F32);
    const search = searchTimeModel(runtime, weights.shape);
    const windows = randomWindows(weights.shape.vocab, 2, 12);
    const reference = await referenceOf(search, { weights, subnet }, windows, { dtype: 'F32' });
    await verifyOnnx(path, runtime, reference);
  } finally {
    await runtime.release();
    await rm(folder, { recursive: true });
  }
});
