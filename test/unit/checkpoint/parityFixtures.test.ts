import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { loadWeights } from '../../../src/engine/checkpoint/loadWeights.ts';
import { openCheckpoint } from '../../../src/engine/checkpoint/openCheckpoint.ts';
import type { ModelWeights } from '../../../src/engine/checkpoint/modelWeights.ts';

function load(name: string): Promise<ModelWeights> {
  const folder = new URL(`../../parity/fixtures/${name}`, import.meta.url);
  return openCheckpoint(fileURLToPath(folder)).then((checkpoint) => loadWeights(checkpoint));
}

test('checkpoints written by transformers 5 load, and shards hold the same as one file', async () => {
  const [whole, sharded] = [await load('llama-gqa-tied-bf16'), await load('llama-sharded')];
  assert.deepEqual(sharded, whole);
  const untied = await load('llama-mha-untied');
  assert.notEqual(untied.head, untied.embedding);
  const scaled = await load('llama3-rope');
  assert.ok(scaled.shape.positions.kind === 'rope');
  // Base 100 and D = 8: the slowest wave makes 0.16 turns in 32 positions, so it is divided by 4.
  const slowest = scaled.shape.positions.inverseFrequencies.at(-1)!;
  assert.ok(Math.abs(slowest - 100 ** -0.75 / 4) < 1e-15);
  assert.equal((await load('opt-small')).shape.positions.kind, 'learned');
});
