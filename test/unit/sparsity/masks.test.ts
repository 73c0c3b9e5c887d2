import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { nmMask } from '../../../src/engine/sparsity/nmMask.ts';
import { formatPattern, keptShare, parsePattern } from '../../../src/engine/sparsity/pattern.ts';
import type { Axis, ScoredWeight } from '../../../src/engine/sparsity/scoredWeight.ts';
import { type Group, keptOf, selectMask } from '../../../src/engine/sparsity/selectMask.ts';
import {
  countKept,
  fullMask,
  isKept,
  masked,
  type WeightMask,
} from '../../../src/engine/sparsity/weightMask.ts';
import { isEngineError } from '../../../src/protocol/errors.ts';

/** Few distinct values, so that ties are everywhere. */
const value = fc.oneof(
  fc.constantFrom(0, -0, 1, -1, 0.5, 2),
  fc.float({ min: Math.fround(-9), max: Math.fround(9), noNaN: true }),
);
const factor = fc.constantFrom(0, 0.25, 1, 3);

function weightOf(rows: number, columns: number): fc.Arbitrary<ScoredWeight> {
  const floats = (length: number, of: fc.Arbitrary<number>): fc.Arbitrary<Float32Array> =>
    fc
      .array(of, { minLength: length, maxLength: length })
      .map((values) => Float32Array.from(values));
  return fc.record({
    what: fc.constant('a weight'),
    weight: floats(rows * columns, value),
    rows: fc.constant(rows),
    columns: fc.constant(columns),
    rowFactor: fc.option(floats(rows, factor)),
    columnFactor: fc.option(floats(columns, factor)),
  });
}

describe('N:M masks', () => {
  it('are those of sorting every group, along either axis', () => {
    const cases = fc
      .tuple(fc.integer({ min: 2, max: 17 }), fc.integer({ min: 1, max: 4 }), fc.nat(11))
      .chain(([m, groups, other]) =>
        fc.record({
          n: fc.integer({ min: 1, max: m - 1 }),
          m: fc.constant(m),
          axis: fc.constantFrom<Axis>('rows', 'columns'),
          across: weightOf(groups * m, other + 1),
          along: weightOf(other + 1, groups * m),
        }),
      );
    fc.assert(
      fc.property(cases, ({ n, m, axis, across, along }) => {
        const from = axis === 'rows' ? across : along;
        const mask = nmMask(from, { kind: 'nm', n, m }, axis);
        assert.deepEqual(flagsOf(mask), obvious(from, groupsOf(from, axis, m), n));
        assert.equal(countKept(mask), (from.rows * from.columns * n) / m);
      }),
      { numRuns: 300 },
    );
  });

  it('have a last, short group where a remainder is padded', () => {
    const cases = fc
      .tuple(fc.integer({ min: 2, max: 9 }), fc.integer({ min: 1, max: 30 }), fc.nat(11))
      .chain(([m, length, other]) =>
        fc.record({
          n: fc.integer({ min: 1, max: m - 1 }),
          m: fc.constant(m),
          axis: fc.constantFrom<Axis>('rows', 'columns'),
          across: weightOf(length, other + 1),
          along: weightOf(other + 1, length),
        }),
      );
    fc.assert(
      fc.property(cases, ({ n, m, axis, across, along }) => {
        const from = axis === 'rows' ? across : along;
        const mask = nmMask(from, { kind: 'nm', n, m }, axis, 'padded');
        assert.deepEqual(flagsOf(mask), obvious(from, groupsOf(from, axis, m), n));
      }),
      { numRuns: 300 },
    );
  });

  it('refuse groups that do not divide the dimension, and scores that are no numbers', () => {
    const from = { ...blank(4, 6) };
    assert.throws(
      () => nmMask(from, { kind: 'nm', n: 2, m: 4 }, 'columns'),
      (error) =>
        isEngineError(error, 'config') &&
        /groups of 4 do not divide its 6 weights/.test(error.message),
    );
    assert.ok(nmMask(from, { kind: 'nm', n: 2, m: 4 }, 'rows'));
    for (const bad of [NaN, Infinity]) {
      const spoilt = { ...from, weight: from.weight.slice() };
      spoilt.weight[7] = bad;
      assert.throws(
        () => nmMask(spoilt, { kind: 'nm', n: 1, m: 2 }, 'columns'),
        (error) => isEngineError(error, 'numeric') && error.message.includes('a weight'),
      );
    }
  });
});

describe('unstructured masks', () => {
  it('are those of sorting every group, whatever the group is', () => {
    const cases = fc
      .tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 }))
      .chain(([rows, columns]) =>
        fc.record({
          from: weightOf(rows, columns),
          group: fc.constantFrom<Group>('row', 'column', 'matrix'),
          fraction: fc.constantFrom(0.1, 0.3, 0.5, 0.7, 0.95),
        }),
      );
    fc.assert(
      fc.property(cases, ({ from, group, fraction }) => {
        const mask = selectMask(from, { kind: 'unstructured', fraction }, group);
        const axis = group === 'column' ? 'rows' : 'columns';
        const size = { row: from.columns, column: from.rows, matrix: from.weight.length }[group];
        const groups =
          group === 'matrix' ? [indices(from.weight.length)] : groupsOf(from, axis, size);
        assert.deepEqual(flagsOf(mask), obvious(from, groups, keptOf(size, fraction)));
      }),
      { numRuns: 300 },
    );
  });

  it('drop the whole part of the share of each group', () => {
    assert.equal(keptOf(10, 0.3), 7);
    assert.equal(keptOf(7, 0.5), 4);
    assert.equal(keptOf(3, 0.1), 3);
  });
});

describe('patterns', () => {
  it('are read as they are written', () => {
    for (const text of ['2:4', '4:8', '8:16', '1:2', '50%', '62.5%', '0.1%']) {
      assert.equal(formatPattern(parsePattern(text)), text);
    }
    assert.equal(keptShare(parsePattern('1:4')), 0.25);
    assert.equal(keptShare(parsePattern('75%')), 0.25);
  });

  it('that prune nothing, everything or cannot be read are refused with what to do', () => {
    for (const text of [
      '4:4',
      '5:4',
      '0:4',
      '2:',
      '0%',
      '100%',
      '101%',
      '2/4',
      '',
      '1:257',
      'half',
    ]) {
      assert.throws(
        () => parsePattern(text),
        (error) => isEngineError(error, 'config') && error.message.includes('Choose another'),
        text,
      );
    }
  });
});

describe('a weight mask', () => {
  it('zeroes exactly what it does not keep', () => {
    const from = blank(3, 11);
    const mask = selectMask(from, { kind: 'unstructured', fraction: 0.5 }, 'matrix');
    const out = masked(from.weight, mask);
    out.forEach((found, i) => {
      assert.equal(found, isKept(mask, Math.floor(i / 11), i % 11) ? from.weight[i] : 0);
    });
    assert.deepEqual(masked(from.weight, fullMask(3, 11)), from.weight);
    assert.equal(countKept(fullMask(3, 11)), 33);
    assert.throws(
      () => masked(from.weight, fullMask(3, 12)),
      (error) => isEngineError(error, 'shape'),
    );
  });
});

function blank(rows: number, columns: number): ScoredWeight {
  const weight = Float32Array.from({ length: rows * columns }, (_, i) => Math.sin(i) + 2);
  return { what: 'a weight', weight, rows, columns, rowFactor: null, columnFactor: null };
}

function indices(length: number): number[] {
  return Array.from({ length }, (_, i) => i);
}

/** Flat indices of every group of m neighbours. */
function groupsOf({ rows, columns }: ScoredWeight, axis: Axis, m: number): number[][] {
  const [lines, length] = axis === 'columns' ? [rows, columns] : [columns, rows];
  return indices(lines).flatMap((line) =>
    indices(Math.ceil(length / m)).map((group) =>
      indices(Math.min(m, length - group * m)).map((i) => {
        const place = group * m + i;
        return axis === 'columns' ? line * columns + place : place * columns + line;
      }),
    ),
  );
}

/** The slow way: sort each group by score, ties by index. */
function obvious(from: ScoredWeight, groups: readonly number[][], keep: number): number[] {
  const { weight, columns, rowFactor, columnFactor } = from;
  const score = (i: number): number => {
    const scaled = Math.abs(weight[i]!) * (columnFactor?.[i % columns] ?? 1);
    return Math.fround(scaled * (rowFactor?.[Math.floor(i / columns)] ?? 1));
  };
  const flags = new Array<number>(weight.length).fill(0);
  for (const group of groups) {
    const order = group.toSorted((a, b) => score(b) - score(a) || a - b);
    for (const i of order.slice(0, keep)) flags[i] = 1;
  }
  return flags;
}

function flagsOf(mask: WeightMask): number[] {
  return indices(mask.rows * mask.columns).map((i) =>
    Number(isKept(mask, Math.floor(i / mask.columns), i % mask.columns)),
  );
}
