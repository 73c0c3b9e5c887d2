import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { isEngineError } from '../../../src/protocol/errors.ts';
import {
  decodeIndices,
  decodeSubnet,
  encodeIndices,
  encodeSubnet,
} from '../../../src/engine/subnet/encode.ts';
import { denseSubnet } from '../../../src/engine/model/subnet.ts';
import { tinyLlama } from '../../unit/subnet/shapes.ts';
import { propertyOptions } from '../propertyOptions.ts';

test('any set of indices survives encoding and decoding', () => {
  const sets = fc.uniqueArray(fc.nat(99)).map((all) => Uint32Array.from(all).sort());
  fc.assert(
    fc.property(sets, (indices) => {
      assert.deepEqual(decodeIndices(encodeIndices(indices), 100, 'x'), indices);
    }),
    propertyOptions(),
  );
});

test('any JSON either decodes or is refused as undecodable', () => {
  const good = JSON.stringify(encodeSubnet(denseSubnet(tinyLlama)));
  const damaged = fc
    .tuple(fc.nat(good.length - 1), fc.constantFrom('', '9', '-', ',', '0-', '"', '}', '[', 'null'))
    .map(([at, piece]) => good.slice(0, at) + piece + good.slice(at + 1));
  fc.assert(
    fc.property(fc.oneof(fc.json(), damaged), (text) => {
      let value: unknown;
      try {
        value = JSON.parse(text);
      } catch {
        return;
      }
      try {
        decodeSubnet(tinyLlama, value);
      } catch (error) {
        assert.ok(isEngineError(error, 'decode') || isEngineError(error, 'shape'));
      }
    }),
    propertyOptions({ numRuns: 2000 }),
  );
});
