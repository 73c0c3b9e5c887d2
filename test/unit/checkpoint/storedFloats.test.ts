import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { getFloat16, setFloat16 } from '@petamoriken/float16';
import fc from 'fast-check';
import {
  decodeFloats,
  encodeFloats,
  type StoredDtype,
} from '../../../src/engine/checkpoint/storedFloats.ts';
import { propertyOptions } from '../../property/propertyOptions.ts';

const every16 = new Uint16Array(0x10000).map((_, bits) => bits);
const bytesOf = (bits: Uint16Array): Uint8Array => new Uint8Array(bits.buffer);

/** Encodes one number and gives its stored bits. */
function encodeOne(dtype: StoredDtype, value: number): number {
  const target = new Uint8Array(4);
  encodeFloats(dtype, Float32Array.of(value), target);
  return new DataView(target.buffer).getUint16(0, true);
}

describe('stored floats', () => {
  test('reads every float16 as an independent library does', () => {
    const values = new Float32Array(0x10000);
    decodeFloats('F16', bytesOf(every16), values);
    const view = new DataView(every16.buffer);
    for (let i = 0; i < values.length; i++) assert.equal(values[i], getFloat16(view, 2 * i, true));
  });

  test('reads a bfloat16 as the upper half of a float32', () => {
    const values = new Float32Array(4);
    decodeFloats('BF16', bytesOf(Uint16Array.of(0x3f80, 0xc000, 0x0001, 0x7f7f)), values);
    assert.deepEqual([...values], [1, -2, 2 ** -133, 2 ** 127 * (1 + 127 / 128)]);
  });

  for (const dtype of ['F16', 'BF16'] as const) {
    test(`writes back every finite ${dtype} unchanged`, () => {
      const values = new Float32Array(0x10000);
      decodeFloats(dtype, bytesOf(every16), values);
      const again = new Uint16Array(0x10000);
      encodeFloats(dtype, values, bytesOf(again));
      for (let i = 0; i < again.length; i++) {
        if (Number.isFinite(values[i])) assert.equal(again[i], i);
      }
    });
  }

  test('rounds to float16 as an independent library does', () => {
    const view = new DataView(new ArrayBuffer(2));
    const check = (value: number): void => {
      setFloat16(view, 0, value, true);
      assert.equal(encodeOne('F16', value), view.getUint16(0, true), String(value));
    };
    for (const value of [65504, 65519, 65520, 2 ** -24, 2 ** -25, 2 ** -25 * 1.0001, 2 ** -14]) {
      check(value);
      check(-value);
    }
    fc.assert(fc.property(fc.float({ noNaN: true }), check), propertyOptions({ numRuns: 5000 }));
    const near = fc.float({ min: Math.fround(-1e-4), max: Math.fround(1e-4), noNaN: true });
    fc.assert(fc.property(near, check), propertyOptions({ numRuns: 5000 }));
  });

  test('rounds to the nearest bfloat16, ties to the even one', () => {
    assert.equal(encodeOne('BF16', 1 + 2 ** -8), 0x3f80, 'tie, down to even');
    assert.equal(encodeOne('BF16', 1 + 3 * 2 ** -8), 0x3f82, 'tie, up to even');
    assert.equal(encodeOne('BF16', 1 + 2 ** -8 + 2 ** -20), 0x3f81);
    assert.equal(encodeOne('BF16', -(1 + 3 * 2 ** -8)), 0xbf82);
    assert.equal(encodeOne('BF16', 3.4e38), 0x7f80, 'beyond the largest');
  });

  test('says where the first value is that is not finite', () => {
    const values = new Float32Array(4);
    assert.equal(decodeFloats('F16', bytesOf(Uint16Array.of(1, 2, 0x7c00, 0x7e00)), values), 2);
    assert.equal(decodeFloats('BF16', bytesOf(Uint16Array.of(1, 0xff81, 3, 4)), values), 1);
    const floats = Float32Array.of(0, -0, 1e38, -Infinity);
    assert.equal(decodeFloats('F32', new Uint8Array(floats.buffer), values), 3);
    assert.equal(encodeFloats('F16', Float32Array.of(1, 70_000), new Uint8Array(4)), 1);
    assert.equal(encodeFloats('BF16', Float32Array.of(NaN, 1), new Uint8Array(4)), 0);
    assert.equal(encodeFloats('F32', Float32Array.of(1, 2), new Uint8Array(8)), -1);
  });
});
