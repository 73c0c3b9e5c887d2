import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  bitmaskStride,
  countBits,
  expandRows,
  firstBadRow,
  packMatrix,
} from '../../../src/engine/checkpoint/bitmaskPacking.ts';
import { propertyOptions } from '../propertyOptions.ts';

interface Case {
  readonly rows: number;
  readonly columns: number;
  readonly values: Float32Array;
}

/** Weights, many of them zero, some of them negative zeros. */
const weight = fc.oneof(
  { weight: 3, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.constant(-0) },
  { weight: 4, arbitrary: fc.float({ noNaN: true }) },
);

const anyMatrix = fc
  .tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 40 }))
  .chain(([rows, columns]) =>
    fc
      .array(weight, { minLength: rows * columns, maxLength: rows * columns })
      .map((values): Case => ({ rows, columns, values: Float32Array.from(values) })),
  );

/** At most two of four neighbours of a row are not zero. */
const twoOfFour = fc
  .tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 10 }))
  .chain(([rows, groups]) => {
    const group = fc
      .tuple(weight, weight, fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 3 }))
      .map(([a, b, i, j]) => [0, 0, 0, 0].with(i, a).with(j, b));
    const count = rows * groups;
    return fc
      .array(group, { minLength: count, maxLength: count })
      .map((all): Case => ({ rows, columns: 4 * groups, values: Float32Array.from(all.flat()) }));
  });

/** The obvious way: every entry is asked for by its own bit. */
function expandedSlowly(values: Float32Array, bits: Uint8Array, { rows, columns }: Case): number[] {
  const result: number[] = [];
  let next = 0;
  for (let row = 0; row < rows; row++) {
    for (let c = 0; c < columns; c++) {
      const byte = bits[row * Math.ceil(columns / 8) + Math.floor(c / 8)]!;
      result.push(((byte / 2 ** (c % 8)) & 1) === 1 ? values[next++]! : 0);
    }
  }
  assert.equal(next, values.length);
  return result;
}

describe('a matrix without its zeros', () => {
  for (const [form, matrix] of [
    ['sparse-bitmask', anyMatrix],
    ['sparse-24-bitmask', twoOfFour],
  ] as const) {
    test(`comes back the same from ${form}, with columns of any number`, () => {
      const property = fc.property(matrix, (one) => {
        const { rows, columns, values } = one;
        const packed = packMatrix(form, values, rows, columns);
        assert.equal(packed.bits.length, rows * bitmaskStride(columns));
        assert.equal(countBits(packed.bits), packed.values.length);
        assert.equal(firstBadRow(form, packed.bits, rows, columns), -1);
        const back = expandRows(packed.values, packed.bits, rows, columns);
        // Zeros are numbers here: a negative one comes back positive.
        assert.ok(back.every((value, i) => value === values[i]));
        assert.deepEqual([...back], expandedSlowly(packed.values, packed.bits, one));
        for (let row = 0; row < rows; row++) {
          const before = countBits(packed.bits, 0, row * bitmaskStride(columns));
          assert.equal(packed.rowOffsets[row], BigInt(before));
        }
        if (form === 'sparse-bitmask') {
          assert.ok(packed.values.every((value) => value !== 0));
        } else {
          assert.equal(packed.values.length, (rows * columns) / 2);
        }
      });
      fc.assert(property, propertyOptions({ numRuns: 300 }));
    });
  }

  test('is refused by the stricter form when it is not 2:4 in whole groups', () => {
    const pack = (values: number[], columns: number): unknown =>
      packMatrix('sparse-24-bitmask', Float32Array.from(values), 1, columns);
    assert.throws(() => pack([1, 2, 3, 0], 4), RangeError);
    assert.throws(() => pack([0, 0, 0, 0, 1, 0, 2, 3], 8), RangeError);
    assert.throws(() => pack([1, 2, 0, 0, 1, 0], 6), RangeError);
    assert.throws(() => pack([1, 2, 0], 4), RangeError);
  });

  test('has no bits beyond the last column and two in every group', () => {
    const bad = (form: 'sparse-bitmask' | 'sparse-24-bitmask', bits: number[], columns: number) =>
      firstBadRow(form, Uint8Array.from(bits), bits.length / bitmaskStride(columns), columns);
    assert.equal(bad('sparse-bitmask', [0b111, 0b1111], 3), 1);
    assert.equal(bad('sparse-bitmask', [0b111, 0b011], 3), -1);
    assert.equal(bad('sparse-24-bitmask', [0b01010011, 0b01110011], 8), 1);
    assert.equal(bad('sparse-24-bitmask', [0b0011, 0b1000], 4), 1);
    assert.equal(bad('sparse-24-bitmask', [0b0011, 0b110011], 4), 1);
  });
});
