import assert from 'node:assert/strict';
import test from 'node:test';
import { isEngineError } from '../../../src/protocol/errors.ts';
import { denseSubnet } from '../../../src/engine/model/subnet.ts';
import {
  decodeIndices,
  decodeSubnet,
  encodeIndices,
  encodeLayer,
  encodeSubnet,
} from '../../../src/engine/subnet/encode.ts';
import { tinyLlama } from './shapes.ts';

function checkUndecodable(value: unknown, path: string): void {
  assert.throws(
    () => decodeSubnet(tinyLlama, value),
    (error) => isEngineError(error, 'decode') && error.problem.what === path,
  );
}

test('a mask reads as ranges', () => {
  assert.equal(encodeIndices(Uint32Array.of(0, 1, 2, 5, 7, 8)), '0-2,5,7-8');
  assert.equal(encodeIndices(new Uint32Array(0)), '');
  assert.deepEqual(encodeLayer(denseSubnet(tinyLlama).layers[0]!), {
    heads: [
      { qk: '0-7', vo: '0-15' },
      { qk: '0-7', vo: '0-15' },
    ],
    mlp: '0-39',
  });
});

test('only ascending ranges in bounds are read', () => {
  assert.deepEqual(decodeIndices('0-2,5', 6, 'x'), Uint32Array.of(0, 1, 2, 5));
  assert.deepEqual(decodeIndices('', 6, 'x'), new Uint32Array(0));
  const bad = ['6', '0-6', '2,1', '1,1', '1-3,3', '3-1', ' 1', '1,', '-1', '1-', 'a', '1e1', '0x1'];
  for (const text of [...bad, '9'.repeat(11), '99999999999-1', null, 7, ['0']]) {
    assert.throws(
      () => decodeIndices(text, 6, 'x'),
      (error) => isEngineError(error, 'decode') && error.problem.what === 'x',
      JSON.stringify(text),
    );
  }
});

test('a text longer than any mask is refused unread', () => {
  assert.throws(() => decodeIndices('1,'.repeat(1_000_000), 6, 'x'), /2000000 characters/);
});

test('a damaged subnet is named by the path of the fault', () => {
  const good = encodeSubnet(denseSubnet(tinyLlama));
  const [layer] = good.layers;
  const rest = good.layers.slice(1);
  checkUndecodable(null, 'subnet');
  checkUndecodable({ ...good, extra: 1 }, 'subnet');
  checkUndecodable({ layers: rest }, 'subnet.layers');
  checkUndecodable({ layers: [{ ...layer, mlp: '0-40' }, ...rest] }, 'subnet.layers[0].mlp');
  checkUndecodable({ layers: [...rest, { mlp: '0' }] }, 'subnet.layers[3]');
  checkUndecodable({ layers: [{ heads: [], mlp: '0' }, ...rest] }, 'subnet.layers[0].heads');
  const heads = [layer!.heads[0], { qk: '0', vo: '16' }];
  checkUndecodable({ layers: [{ heads, mlp: '0' }, ...rest] }, 'subnet.layers[0].heads[1].vo');
});

test('a half-kept head is refused', () => {
  const good = encodeSubnet(denseSubnet(tinyLlama));
  const heads = [good.layers[0]!.heads[0]!, { qk: '', vo: '3' }];
  const layers = [{ heads, mlp: '0' }, ...good.layers.slice(1)];
  assert.throws(
    () => decodeSubnet(tinyLlama, { layers }),
    (error) => isEngineError(error, 'shape'),
  );
});
