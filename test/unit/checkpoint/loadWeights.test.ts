import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isEngineError } from '../../../src/protocol/errors.ts';
import { loadWeights } from '../../../src/engine/checkpoint/loadWeights.ts';
import { openCheckpoint } from '../../../src/engine/checkpoint/openCheckpoint.ts';
import { weightBytes } from '../../../src/engine/checkpoint/weightBytes.ts';
import { tinyWeights, type TinyOptions, writeTinyModel } from '../../fixtures/tinyModel.ts';

describe('loadWeights', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weights-'));
  });
  after(() => rm(folder, { recursive: true }));

  const cases: TinyOptions[] = [
    {},
    { dtype: 'F16', tied: false },
    { dtype: 'BF16', shards: 3 },
    { heads: 4, kvHeads: 4, headDim: 6 },
    { config: { attention_bias: true, mlp_bias: true } },
    { family: 'opt' },
    { family: 'opt', dtype: 'F16', tied: false, shards: 2 },
    { family: 'opt', config: { enable_bias: false } },
    { family: 'gpt2', shards: 3 },
    { family: 'phi3', dtype: 'BF16', shards: 2 },
    { family: 'gpt_neox', shards: 3, tied: false },
  ];
  for (const [i, options] of cases.entries()) {
    test(`gives back the weights written with ${JSON.stringify(options)}`, async () => {
      const dir = join(folder, `round-trip-${i}`);
      await writeTinyModel(dir, options);
      const weights = await loadWeights(await openCheckpoint(dir));
      assert.deepEqual(weights, tinyWeights(options));
    });
  }

  test('keeps o and down transposed, so that a row is an input feature', async () => {
    const dir = join(folder, 'transposed');
    await writeTinyModel(dir, { hidden: 40, heads: 3, kvHeads: 3, headDim: 8, intermediate: 72 });
    const weights = await loadWeights(await openCheckpoint(dir));
    const { o, down, q } = weights.layers[0]!;
    assert.deepEqual([q.weight.length, o.weight.length, down.weight.length], [960, 960, 2880]);
    const { readFile } = await import('node:fs/promises');
    const file = await readFile(join(dir, 'model.safetensors'));
    const headerBytes = Number(file.readBigUInt64LE(0));
    const header = JSON.parse(file.toString('utf8', 8, 8 + headerBytes)) as Record<
      string,
      { shape: number[]; data_offsets: number[] }
    >;
    const stored = header['model.layers.0.mlp.down_proj.weight']!;
    assert.deepEqual(stored.shape, [40, 72]);
    const at = (row: number, col: number): number =>
      file.readFloatLE(8 + headerBytes + stored.data_offsets[0]! + 4 * (row * 72 + col));
    assert.equal(down.weight[71 * 40 + 3], at(3, 71));
    assert.equal(down.weight[5 * 40 + 39], at(39, 5));
  });

  test('shares one array between a tied head and the embedding', async () => {
    const dir = join(folder, 'tied');
    await writeTinyModel(dir, { tied: true });
    const weights = await loadWeights(await openCheckpoint(dir));
    assert.equal(weights.head, weights.embedding);
  });

  test('reports progress up to the memory that was stated', async () => {
    const dir = join(folder, 'progress');
    await writeTinyModel(dir, { tied: false });
    const checkpoint = await openCheckpoint(dir);
    const seen: number[][] = [];
    await loadWeights(checkpoint, { onProgress: (...progress) => seen.push(progress) });
    const bytes = weightBytes(checkpoint.shape);
    assert.deepEqual(seen.at(-1), [bytes, bytes]);
    assert.equal(seen.length, checkpoint.tensors.length);
  });

  test('stops when asked to', async () => {
    const dir = join(folder, 'cancelled');
    await writeTinyModel(dir);
    const checkpoint = await openCheckpoint(dir);
    const controller = new AbortController();
    const loading = loadWeights(checkpoint, {
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    await assert.rejects(loading, (error) => isEngineError(error, 'cancelled'));
  });
});
