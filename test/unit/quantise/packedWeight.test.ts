import assert from 'node:assert/strict';
import { test } from 'node:test';
import { storedBytes, zeroCode } from '../../../src/engine/quantise/blockFormat.ts';
import { codeOf, roundToBfloat16, scaleOf } from '../../../src/engine/quantise/blockScale.ts';
import { dequantised, emptyPacked, putCodes } from '../../../src/engine/quantise/packedWeight.ts';
import { roundWeight } from '../../../src/engine/quantise/roundWeight.ts';
import { rngFor } from '../../../src/engine/numeric/rng.ts';

const FOUR = { bits: 4, blockSize: 16 } as const;
const EIGHT = { bits: 8, blockSize: 16 } as const;

test('the first of two 4-bit codes has the lower half of the byte, and a lone last one zero', () => {
  const packed = emptyPacked(1, 19, FOUR);
  putCodes(packed, 0, 0, [1, 2, 3, ...new Array<number>(13).fill(8)], 16);
  putCodes(packed, 0, 16, [15, 0, 9], 3);
  assert.deepEqual([...packed.codes.subarray(0, 3)], [0x21, 0x83, 0x88]);
  assert.deepEqual([...packed.codes.subarray(8)], [0x0f, 0x89, ...new Array<number>(6).fill(0x88)]);
});

test('an 8-bit code is a byte, and what lies beyond the inputs is zero', () => {
  const packed = emptyPacked(2, 17, EIGHT);
  putCodes(packed, 1, 16, [255], 1);
  assert.deepEqual(
    [...packed.codes.subarray(48)],
    [255, ...new Array<number>(15).fill(zeroCode(EIGHT))],
  );
  packed.scales[3] = 0.5;
  assert.equal(dequantised(packed)[17 + 16], 127 * 0.5);
  assert.equal(packed.codes.length + 2 * packed.scales.length, storedBytes(2, 17, EIGHT));
});

test('the weight of the largest size gets the last negative code, whatever its sign', () => {
  for (const extreme of [2, -2]) {
    const scale = scaleOf([0.1, extreme, -0.5], 3, FOUR);
    assert.equal(scale, -extreme / 8);
    assert.equal(codeOf(extreme, scale, 8), 0);
    assert.equal(codeOf(-extreme, scale, 8), 15);
    assert.equal(codeOf(0, scale, 8), 8);
  }
  assert.equal(scaleOf([0, 0], 2, FOUR), 0);
});

test('a bfloat16 is the upper half of a float32, ties to even', () => {
  assert.equal(roundToBfloat16(1 + 2 ** -8), 1);
  assert.equal(roundToBfloat16(1 + 3 * 2 ** -8), 1 + 2 ** -6);
  assert.equal(roundToBfloat16(-1.001), -1);
  assert.equal(roundToBfloat16(1e-30) > 0, true);
});

test('each weight is within half a step, or one where the codes end, and zeros stay zero', () => {
  const rng = rngFor(3, 'weights');
  for (const format of [FOUR, EIGHT]) {
    const [outputs, inputs] = [5, 39];
    const weight = Float32Array.from({ length: outputs * inputs }, () =>
      rng.int(4) === 0 ? 0 : rng.uniform() - 0.5,
    );
    const packed = roundWeight(weight, outputs, inputs, format);
    const back = dequantised(packed);
    weight.forEach((value, i) => {
      const [row, k] = [Math.floor(i / inputs), i % inputs];
      const step = Math.abs(packed.scales[row * 3 + Math.floor(k / 16)]!);
      const last = (zeroCode(format) - 0.5) * step;
      const bound = Math.abs(value) > last ? step : step / 2;
      assert.ok(Math.abs(back[i]! - value) <= bound * (1 + 1e-6), `${value} became ${back[i]}`);
      if (value === 0) assert.ok(back[i] === 0);
    });
  }
});
