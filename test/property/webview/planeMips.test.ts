import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import {
  bitOf,
  FIRST_COPY,
  planeMips,
  secondLevelRow,
  type BitPlane,
} from '../../../webview/heatmap/planeMips.ts';
import { propertyOptions } from '../propertyOptions.ts';

/** Planes of any shape, whose last bytes hold more bits than the plane. */
const planes = fc
  .record({ rows: fc.integer({ min: 1, max: 70 }), columns: fc.integer({ min: 1, max: 70 }) })
  .chain(({ rows, columns }) => {
    const length = rows * Math.ceil(columns / 8);
    return fc
      .uint8Array({ minLength: length, maxLength: length })
      .map((bits): BitPlane => ({ rows, columns, bits }));
  });

/** The mean of a square of bits by looking at each. */
function slowShare(plane: BitPlane, level: number, row: number, column: number): number {
  const side = 2 ** level;
  let [set, of] = [0, 0];
  for (let r = row * side; r < Math.min(plane.rows, (row + 1) * side); r++) {
    for (let c = column * side; c < Math.min(plane.columns, (column + 1) * side); c++) {
      of++;
      if (bitOf(plane, r, c)) set++;
    }
  }
  return Math.round((255 * set) / of);
}

test('every smaller copy holds the mean of the bits under each of its cells', () => {
  fc.assert(
    fc.property(planes, (plane) => {
      const mips = planeMips(plane);
      assert.ok(mips.build(Infinity));
      const last = mips.levels.at(-1)!;
      assert.deepEqual([last.rows, last.columns], [1, 1]);
      for (let level = FIRST_COPY; level < mips.levels.length; level++) {
        const { rows, columns, shares } = mips.levels[level]!;
        assert.equal(rows, Math.ceil(plane.rows / 2 ** level));
        assert.equal(columns, Math.ceil(plane.columns / 2 ** level));
        for (let at = 0; at < shares.length; at++) {
          const expected = slowShare(plane, level, Math.floor(at / columns), at % columns);
          assert.equal(shares[at], expected, `level ${level}, cell ${at}`);
        }
      }
    }),
    propertyOptions({ numRuns: 60 }),
  );
});

test('the copy that is made row by row holds them too', () => {
  fc.assert(
    fc.property(planes, (plane) => {
      const line = new Uint8Array(Math.ceil(plane.columns / 2));
      for (let row = 0; row < Math.ceil(plane.rows / 2); row++) {
        secondLevelRow(plane, row, line);
        line.forEach((share, column) => {
          assert.equal(share, slowShare(plane, 1, row, column));
        });
      }
    }),
    propertyOptions({ numRuns: 60 }),
  );
});

test('groups of four along a row with more than two bits are counted', () => {
  fc.assert(
    fc.property(planes, (plane) => {
      const mips = planeMips(plane);
      mips.build(Infinity);
      let crowded = 0;
      for (let row = 0; row < plane.rows; row++) {
        for (let c = 0; c < plane.columns; c += 4) {
          const group = [0, 1, 2, 3].filter(
            (i) => c + i < plane.columns && bitOf(plane, row, c + i),
          );
          if (group.length > 2) crowded++;
        }
      }
      assert.equal(mips.crowded(), crowded);
    }),
    propertyOptions({ numRuns: 60 }),
  );
});

test('copies that are made a little at a time are those made at once', () => {
  const rows = 131;
  const plane = { rows, columns: 259, bits: new Uint8Array(rows * 33).map((_, i) => i * 37) };
  const [once, slowly] = [planeMips(plane), planeMips(plane)];
  once.build(Infinity);
  let pieces = 0;
  // A moment in the near future lets a few steps through.
  while (!slowly.build(performance.now() + 0.02)) pieces++;
  assert.ok(pieces > 0);
  assert.deepEqual(slowly.levels, once.levels);
});
