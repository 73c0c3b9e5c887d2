import assert from 'node:assert/strict';
import test from 'node:test';
import { isEngineError } from '../../../src/protocol/errors.ts';
import { assertSpace, gridAround, methodARanges } from '../../../src/engine/search/space.ts';

function checkRanges(
  kept: number,
  layers: number,
  expected: { attention: number; mlp: number; depth: number },
): void {
  const { attention, mlp, depth } = methodARanges(kept, layers);
  assert.ok(Math.abs(attention.least - expected.attention) < 1e-9, `attention ${attention.least}`);
  assert.ok(Math.abs(mlp.least - expected.mlp) < 1e-9, `mlp ${mlp.least}`);
  assert.deepEqual(depth, { least: expected.depth, most: layers });
  assert.deepEqual([attention.most, attention.step, mlp.most, mlp.step], [1, 0.01, 1, 0.05]);
}

test('the rows and columns of the published table come back as printed', () => {
  checkRanges(0.9, 32, { attention: 0.9, mlp: 0.6, depth: 32 });
  checkRanges(0.8, 40, { attention: 0.8, mlp: 0.4, depth: 40 });
  checkRanges(0.6, 32, { attention: 0.6, mlp: 0.1, depth: 28 });
  checkRanges(0.5, 12, { attention: 0.6, mlp: 0.1, depth: 8 });
  checkRanges(0.5, 24, { attention: 0.6, mlp: 0.1, depth: 16 });
  checkRanges(0.7, 80, { attention: 0.7, mlp: 0.2, depth: 76 });
});

test('the attention range at 70% follows its neighbours, not the printed .3', () => {
  checkRanges(0.7, 32, { attention: 0.7, mlp: 0.2, depth: 30 });
});

test('between the rows and columns the ranges are interpolated', () => {
  checkRanges(0.75, 32, { attention: 0.75, mlp: 0.3, depth: 31 });
  checkRanges(0.95, 12, { attention: 0.95, mlp: 0.8, depth: 12 });
  checkRanges(0.25, 12, { attention: 0.3, mlp: 0.05, depth: 8 });
  // 30 layers: three quarters of the way from .8333 (24 layers) to .9375 (32 layers).
  checkRanges(0.7, 30, { attention: 0.7, mlp: 0.2, depth: 27 });
  checkRanges(0.7, 6, { attention: 0.7, mlp: 0.2, depth: 5 });
  checkRanges(0.5, 100, { attention: 0.6, mlp: 0.1, depth: 90 });
  checkRanges(0.5, 1, { attention: 0.6, mlp: 0.1, depth: 1 });
});

test('a ratio gene sees its whole range, or the part within reach', () => {
  const range = { least: 0.2, most: 0.6, step: 0.1 };
  const rounded = (current: number, reach: number): number[] =>
    gridAround(range, current, reach).map((ratio) => Math.round(ratio * 100) / 100);
  assert.deepEqual(rounded(0.3, 1), [0.2, 0.3, 0.4, 0.5, 0.6]);
  assert.deepEqual(rounded(0.3, 0.25), [0.2, 0.3, 0.4]);
  assert.deepEqual(rounded(0.34, 0.01), [0.3]);
  assert.deepEqual(rounded(0.95, 0.25), [0.6]);
  assert.deepEqual(gridAround({ least: 0.5, most: 0.5, step: 0.1 }, 1, 1), [0.5]);
});

test('an impossible range is refused by name', () => {
  const fine = { masks: 'tied' as const, ...methodARanges(0.7, 4) };
  assertSpace(fine, 4);
  const range = { least: 0.5, most: 1, step: 0.1 };
  const bad = [
    { ...fine, attention: { ...range, least: -0.1 } },
    { ...fine, mlp: { ...range, most: 0.4 } },
    { ...fine, mlp: { ...range, least: NaN } },
    { ...fine, mlp: { ...range, step: 0 } },
    { ...fine, mlp: { ...range, step: 1e-9 } },
    { ...fine, depth: { least: 0, most: 4 } },
    { ...fine, depth: { least: 2, most: 5 } },
    { ...fine, depth: { least: 1.5, most: 4 } },
  ];
  for (const space of bad) {
    assert.throws(
      () => assertSpace(space, 4),
      (error) => isEngineError(error, 'config'),
    );
  }
});
