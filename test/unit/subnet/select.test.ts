import assert from 'node:assert/strict';
import test from 'node:test';
import { blockOf } from '../../../src/engine/model/block.ts';
import { assertLegal } from '../../../src/engine/subnet/legal.ts';
import {
  keepBest,
  keptCount,
  selectLayer,
  selectSubnet,
} from '../../../src/engine/subnet/select.ts';
import { llamaShape, randomScores, tinyLlama, tinyOpt } from './shapes.ts';

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

test('a tied Llama head keeps a pair with the value dimensions of both its halves', () => {
  const shape = llamaShape({ ...tinyLlama, headDim: 4, kvHeads: 1, heads: 2 });
  const scores = {
    qk: [Float64Array.of(1, 2)],
    // Pair 0 with dimensions 0 and 2: 1 + 5 + 1 = 7; pair 1 with 1 and 3: 2 + 1 + 2 = 5.
    vo: [Float64Array.of(5, 1, 1, 2)],
    mlp: new Float64Array(40),
  };
  const ratios = { attention: [0.5], mlp: 0.05 };
  const { attention } = blockOf(shape, 0);
  assert.deepEqual(selectLayer(attention, scores, ratios, 'tied').heads, [
    { qk: Uint32Array.of(0), vo: Uint32Array.of(0, 2) },
  ]);
  assert.deepEqual(selectLayer(attention, scores, ratios, 'decoupled').heads, [
    { qk: Uint32Array.of(1), vo: Uint32Array.of(0, 3) },
  ]);
});

test('a tied head without RoPE keeps the same dimensions under q/k and v/o', () => {
  const ratios = tinyOptRatios();
  const { layers } = selectSubnet(tinyOpt, randomScores(tinyOpt, 1), ratios, 'tied');
  for (const head of layers.flatMap((layer) => layer.heads)) assert.deepEqual(head.qk, head.vo);
});

test('a selected subnet is legal and has the ratios asked for', () => {
  const ratios = tinyOptRatios();
  const subnet = selectSubnet(tinyOpt, randomScores(tinyOpt, 2), ratios, 'decoupled');
  assertLegal(tinyOpt, subnet);
  assert.deepEqual(
    subnet.layers.map(({ heads, mlp }) => [...heads.map((head) => head.vo.length), mlp.length]),
    [
      [2, 4, 20],
      [2, 4, 20],
      [2, 4, 20],
      [2, 4, 20],
    ],
  );
});

function tinyOptRatios(): { attention: number[]; mlp: number }[] {
  return Array.from({ length: 4 }, () => ({ attention: [0.25, 0.5], mlp: 0.5 }));
}
