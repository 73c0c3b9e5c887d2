import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RotaryTableMaker } from '../../../src/engine/graphs/rotaryTables.ts';
import { blockOf } from '../../../src/engine/model/block.ts';
import { denseSubnet, type LayerMask } from '../../../src/engine/model/subnet.ts';
import { tinyWeights } from '../../fixtures/tinyModel.ts';

const { shape } = tinyWeights({ layers: 1 });
const { attention } = blockOf(shape, 0);
const dense = denseSubnet(shape).layers[0]!;
const pairs = dense.heads[0]!.qk.length;
/** Keeps fewer pairs in the first head than in the others. */
const uneven: LayerMask = {
  ...dense,
  heads: dense.heads.map((head, g) => (g === 0 ? { ...head, qk: head.qk.slice(1) } : head)),
};

function maker(): RotaryTableMaker {
  assert.ok(attention.rotary !== null);
  return new RotaryTableMaker(attention, attention.rotary);
}

test('makes tables once for masks after each other that keep the same pairs', () => {
  const tables = maker();
  const first = tables.tables(dense, pairs, 5);
  const equal = denseSubnet(shape).layers[0]!;
  assert.equal(tables.tables(equal, pairs, 5), first);
});

test('makes the tables of a maker that made no others before', () => {
  const used = maker();
  const requests: [LayerMask, number, number][] = [
    [dense, pairs, 5],
    [uneven, pairs, 5],
    [uneven, pairs + 1, 5],
    [uneven, pairs + 1, 7],
    [dense, pairs, 5],
  ];
  for (const request of requests) {
    const [tables, fresh] = [used.tables(...request), maker().tables(...request)];
    assert.deepEqual(tables.cos.dims, fresh.cos.dims);
    assert.deepEqual(tables.cos.data, fresh.cos.data);
    assert.deepEqual(tables.sin.data, fresh.sin.data);
  }
});
