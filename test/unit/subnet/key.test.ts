import assert from 'node:assert/strict';
import test from 'node:test';
import {
  equalLayers,
  firstChangedLayer,
  layerKey,
  subnetKey,
} from '../../../src/engine/subnet/key.ts';
import { denseSubnet, type LayerMask } from '../../../src/engine/model/subnet.ts';
import { tinyLlama } from './shapes.ts';

const dense = denseSubnet(tinyLlama);

function mask(qk: number[], vo: number[], mlp: number[]): LayerMask {
  return {
    heads: [{ qk: Uint32Array.from(qk), vo: Uint32Array.from(vo) }],
    mlp: Uint32Array.from(mlp),
  };
}

test('equal masks have equal keys whatever buffers they view', () => {
  const wide = Uint32Array.of(9, 1, 2, 9);
  const viewed = { heads: mask([0], [3], []).heads, mlp: wide.subarray(1, 3) };
  assert.equal(layerKey(viewed), layerKey(mask([0], [3], [1, 2])));
  assert.ok(equalLayers(viewed, mask([0], [3], [1, 2])));
});

test('keys do not change between versions', () => {
  assert.equal(layerKey(mask([0], [3], [1, 2])), '51049e2922139063');
  assert.equal(subnetKey(dense), 'be8bcebe40c95f6e');
});

test('an index that moves between lists changes the key', () => {
  const keys = [
    mask([0, 1], [2], [3]),
    mask([0], [1, 2], [3]),
    mask([0], [1], [2, 3]),
    mask([0, 1], [2], [4]),
  ].map(layerKey);
  assert.equal(new Set(keys).size, 4);
});

test('the first changed layer is found', () => {
  const layers = dense.layers.slice();
  layers[2] = { ...layers[2]!, mlp: Uint32Array.of(1) };
  assert.equal(firstChangedLayer(dense, { layers }), 2);
  assert.equal(firstChangedLayer(dense, denseSubnet(tinyLlama)), 4);
  assert.notEqual(subnetKey(dense), subnetKey({ layers }));
});
