import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Block, blockOf, type LinearName } from '../../../src/engine/model/block.ts';
import { rowsOf, sublayerRows } from '../../../src/engine/model/rows.ts';
import type { LayerMask } from '../../../src/engine/model/subnet.ts';
import { attentionRows } from '../../../src/engine/graphs/keptRows.ts';
import { LLAMA_LIKE, OPT_LIKE } from '../../fixtures/randomLayer.ts';

const none = new Uint32Array(0);
/** 4 query heads over 2 key/value heads of 6: pairs 0, 1, 2 are dimensions (0, 3), (1, 4), (2, 5). */
const llama = blockOf(LLAMA_LIKE, 0);
/** Heads of 6 of which the first 4 dimensions rotate, as pairs (0, 2) and (1, 3). */
const partial = withPairs(llama, 2);

const mask: LayerMask = {
  heads: [
    { qk: Uint32Array.of(0, 2), vo: Uint32Array.of(1) },
    { qk: Uint32Array.of(1), vo: Uint32Array.of(0, 5) },
  ],
  mlp: Uint32Array.of(3, 13),
};

describe('the rows that a mask keeps', () => {
  it('are both halves of a pair, in the key head and in each of its query heads', () => {
    assert.deepEqual(rows(llama, 'k', mask), [0, 2, 3, 5, 7, 10]);
    assert.deepEqual(rows(llama, 'q', mask), [0, 2, 3, 5, 6, 8, 9, 11, 13, 16, 19, 22]);
    assert.deepEqual(rows(llama, 'v', mask), [1, 6, 11]);
    assert.deepEqual(rows(llama, 'o', mask), [1, 7, 12, 17, 18, 23]);
  });

  it('are single dimensions where nothing rotates', () => {
    const { qk, vo } = { qk: Uint32Array.of(0, 4), vo: Uint32Array.of(2) };
    const heads = [
      { qk, vo },
      { qk: none, vo: none },
      { qk: vo, vo: qk },
    ];
    const opt = { heads, mlp: none };
    assert.deepEqual(rows(blockOf(OPT_LIKE, 0), 'q', opt), [0, 4, 12]);
    assert.deepEqual(rows(blockOf(OPT_LIKE, 0), 'o', opt), [2, 10, 14]);
  });

  it('are pairs and then the dimensions that are not rotated, under partial rotation', () => {
    // Units 0 and 1 are pairs, 2 and 3 the dimensions 4 and 5.
    const heads = [
      { qk: Uint32Array.of(1, 2), vo: Uint32Array.of(0) },
      { qk: Uint32Array.of(0, 1, 3), vo: Uint32Array.of(0) },
    ];
    assert.deepEqual(rows(partial, 'k', { heads, mlp: none }), [1, 3, 4, 6, 7, 8, 9, 11]);
  });

  it('follow the order of heads that is asked for', () => {
    assert.deepEqual([...rowsOf(llama, 'v', mask, [1, 0])], [6, 11, 1]);
  });

  it('are neurons in the MLP, of the maps that the block has', () => {
    assert.deepEqual(Object.keys(sublayerRows(llama, 'mlp', mask)), ['gate', 'up', 'down']);
    assert.deepEqual(Object.keys(sublayerRows(blockOf(OPT_LIKE, 0), 'mlp', mask)), ['up', 'down']);
    assert.deepEqual(rows(llama, 'down', mask), [3, 13]);
  });

  it('are refused for a map that nobody has described', () => {
    assert.throws(() => rowsOf(llama, 'router' as LinearName, mask), /of the map router/);
  });
});

describe('the padded rows of a forward pass', () => {
  it('are those rows, part by part, with zeros behind the shorter ones', () => {
    const { q, k, o, pairs } = attentionRows(llama, mask, 'plain');
    assert.equal(pairs, 2);
    assert.deepEqual([...k], [0, 2, 3, 5, 7, -1, 10, -1]);
    assert.deepEqual([...q].slice(8), [13, -1, 16, -1, 19, -1, 22, -1]);
    assert.deepEqual([...o], [1, -1, 7, -1, 12, 17, 18, 23]);
  });

  it('keep what is not rotated behind the pairs, one half of it in each half of a head', () => {
    const heads = [
      { qk: Uint32Array.of(1), vo: Uint32Array.of(0) },
      { qk: Uint32Array.of(0, 1, 3), vo: Uint32Array.of(0) },
    ];
    const { k, pairs } = attentionRows(partial, { heads, mlp: none }, 'plain');
    assert.deepEqual([...k], [1, -1, -1, 3, -1, -1, 6, 7, 11, 8, 9, -1]);
    assert.equal(pairs, 3);
  });

  it('are as many for q, k, v and o, a multiple of 8, for the fused operator', () => {
    for (const block of [llama, partial]) {
      const { q, k, v, o } = attentionRows(block, mask, 'fused');
      assert.deepEqual([q.length, k.length, v.length, o.length], [32, 16, 16, 32]);
    }
  });
});

function rows(block: Block, map: LinearName, kept: LayerMask): number[] {
  return [...rowsOf(block, map, kept)];
}

/** The block with rotation of the first `pairs` pairs of dimensions only. */
function withPairs(block: Block, pairs: number): Block {
  const rotary = { inverseFrequencies: new Float64Array(pairs).fill(1), attentionFactor: 1 };
  return { ...block, attention: { ...block.attention, rotary } };
}
