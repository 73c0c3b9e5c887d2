import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { rngFor } from '../../../src/engine/numeric/rng.ts';
import { exportedMask } from '../../../src/engine/sparsity/exportedMask.ts';
import { SCORE_BINS, scoreHistogram } from '../../../src/engine/sparsity/scoreHistogram.ts';
import type { ScoredWeight } from '../../../src/engine/sparsity/scoredWeight.ts';
import { selectMask } from '../../../src/engine/sparsity/selectMask.ts';
import { isKept } from '../../../src/engine/sparsity/weightMask.ts';

const rng = rngFor(5, 'histogram');
const [rows, columns] = [13, 21];
const draw = (length: number): Float32Array =>
  Float32Array.from({ length }, () => rng.uniform() - 0.5);
const from: ScoredWeight = {
  ...{ what: 'a weight', rows, columns, weight: draw(rows * columns) },
  rowFactor: draw(rows).map(Math.abs),
  columnFactor: draw(columns).map(Math.abs),
};
from.weight.fill(0, 30, 40);

describe('the histogram of scores', () => {
  it('counts every weight once, in the bin of its logarithm, kept or removed', () => {
    const mask = selectMask(from, { kind: 'unstructured', fraction: 0.6 }, 'matrix');
    const score = (i: number): number => {
      const scaled = Math.abs(from.weight[i]!) * from.columnFactor![i % columns]!;
      return Math.fround(scaled * from.rowFactor![Math.floor(i / columns)]!);
    };
    const all = [...from.weight.keys()];
    const logs = all.filter((i) => score(i) > 0).map((i) => Math.log10(score(i)));
    const [low, high] = [Math.min(...logs), Math.max(...logs)];
    const found = scoreHistogram(from, mask);
    assert.deepEqual([found.from, found.to], [low, high]);
    const expected = { kept: new Array<number>(SCORE_BINS).fill(0), removed: [] as number[] };
    expected.removed = [...expected.kept];
    for (const i of all) {
      const place = ((Math.log10(score(i)) - low) * SCORE_BINS) / (high - low);
      const bin = score(i) === 0 ? 0 : Math.min(SCORE_BINS - 1, Math.floor(place));
      const kept = isKept(mask, Math.floor(i / columns), i % columns);
      expected[kept ? 'kept' : 'removed'][bin]!++;
    }
    assert.deepEqual({ kept: found.kept, removed: found.removed }, expected);
  });

  it('has one bin where all scores are the same, or zero', () => {
    for (const [value, log] of [
      [0, 0],
      [100, 2],
    ] as const) {
      const weight = new Float32Array(rows * columns).fill(value);
      const flat = { ...from, weight, rowFactor: null, columnFactor: null };
      const mask = selectMask(flat, { kind: 'unstructured', fraction: 0.5 }, 'matrix');
      const found = scoreHistogram(flat, mask);
      assert.deepEqual([found.from, found.to], [log, log]);
      assert.equal(found.kept[0]! + found.removed[0]!, rows * columns);
    }
  });
});

describe('the mask of an exported weight', () => {
  it('has outputs as rows, whichever way the weight is stored', () => {
    const mask = selectMask(from, { kind: 'unstructured', fraction: 0.4 }, 'matrix');
    assert.equal(exportedMask('up', mask), mask);
    const down = exportedMask('down', mask);
    assert.deepEqual([down.rows, down.columns], [columns, rows]);
    for (let row = 0; row < rows; row++) {
      for (let c = 0; c < columns; c++) assert.equal(isKept(down, c, row), isKept(mask, row, c));
    }
    assert.deepEqual(exportedMask('o', down), mask);
  });
});
