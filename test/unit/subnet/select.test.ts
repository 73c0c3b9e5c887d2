import assert from 'node:assert/strict';
import test from 'node:test';
import { blockOf } from '../../../src/engine/model/block.ts';
import { headOfTied, keepBest, keptCount, tiedScores } from '../../../src/engine/subnet/select.ts';
import { llamaShape, tinyLlama, tinyOpt } from './shapes.ts';

test('the best units are kept, in order, the lower index winning a tie', () => {
  assert.deepEqual(keepBest(Float64Array.of(1, 3, 2, 3, 2), 3), Uint32Array.of(1, 2, 3));
  assert.deepEqual(keepBest(Float64Array.of(1, 1, 1), 2), Uint32Array.of(0, 1));
  assert.deepEqual(keepBest(Float64Array.of(1, 1), 0), new Uint32Array(0));
});

test('a ratio keeps the nearest count but never nothing by rounding', () => {
  assert.deepEqual(
    [0, 0.001, 0.3, 0.95, 1].map((ratio) => keptCount(ratio, 10)),
    [0, 1, 3, 10, 10],
  );
});

test('a tied Llama pair is worth and keeps the value dimensions of both its halves too', () => {
  const { attention } = blockOf(llamaShape({ ...tinyLlama, headDim: 4, kvHeads: 1, heads: 2 }), 0);
  const scores = {
    qk: [Float64Array.of(1, 2)],
    // Pair 0 with dimensions 0 and 2: 1 + 5 + 1 = 7; pair 1 with 1 and 3: 2 + 1 + 2 = 5.
    vo: [Float64Array.of(5, 1, 1, 2)],
    mlp: new Float64Array(40),
  };
  assert.deepEqual(tiedScores(attention, scores, 0), Float64Array.of(7, 5));
  assert.deepEqual(headOfTied(attention, Uint32Array.of(0)), {
    qk: Uint32Array.of(0),
    vo: Uint32Array.of(0, 2),
  });
});

test('a tied head without RoPE keeps the same dimensions under q/k and v/o', () => {
  const { qk, vo } = headOfTied(blockOf(tinyOpt, 0).attention, Uint32Array.of(1, 3));
  assert.deepEqual(qk, vo);
});
