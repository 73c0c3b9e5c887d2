import assert from 'node:assert/strict';
import { it } from 'node:test';
import { compareConfigs } from '../../../webview/data/configDiff.ts';
import { logTicks, niceRange, niceStep } from '../../../webview/data/niceScale.ts';
import { sortRows } from '../../../webview/table/sortRows.ts';
import { wrongNumber } from '../../../webview/views/configField.ts';

it('sorts unknown values last in either direction, and keeps the order of equal ones', () => {
  const rows = [
    { name: 'a', value: 2 },
    { name: 'b', value: null },
    { name: 'c', value: 1 },
    { name: 'd', value: 2 },
    { name: 'e', value: NaN },
  ];
  const names = (descending: boolean): string =>
    sortRows(rows, ({ value }) => value, descending)
      .map(({ name }) => name)
      .join('');
  assert.equal(names(false), 'cadbe');
  assert.equal(names(true), 'adcbe');
});

it('compares configs field by field, however deep', () => {
  const lines = compareConfigs([
    { ratio: 0.5, search: { population: 10, ranges: { depth: null } }, damping: [1, 2] },
    { ratio: 0.5, search: { population: 20, ranges: { depth: null } }, damping: [1, 2], extra: 1 },
  ]);
  const differing = lines
    .filter(({ differs }) => differs)
    .map(({ field, values }) => [field, values]);
  assert.deepEqual(differing, [
    ['search.population', ['10', '20']],
    ['extra', [null, '1']],
  ]);
  assert.equal(lines.length, 5);
});

it('ends axes at round numbers that hold all values', () => {
  assert.deepEqual([0.7, 1, 1.2, 3, 7, 70].map(niceStep), [1, 1, 2, 5, 10, 100]);
  assert.deepEqual(niceRange(117, 198, 8), { min: 100, max: 200 });
  assert.deepEqual(niceRange(0, 147, 10), { min: 0, max: 160 });
  for (const [low, high] of [
    [5, 5],
    [0, 0],
    [-3, 8],
    [1e-9, 2e-9],
  ] as const) {
    const { min, max } = niceRange(low, high, 8);
    assert.ok(min <= low && max >= high && max > min);
  }
});

it('names round numbers on a logarithmic axis, however narrow it is', () => {
  assert.deepEqual(logTicks(2.61, 2.98), [2.7, 2.8, 2.9]);
  assert.deepEqual(logTicks(3, 4000), [3, 10, 30, 100, 300, 1000, 3000]);
  assert.deepEqual(logTicks(1, 20), [1, 2, 5, 10, 20]);
  for (const [min, max] of [
    [1e-6, 1e6],
    [5, 5.01],
    [90, 110],
  ] as const) {
    const ticks = logTicks(min, max);
    assert.ok(ticks.length >= 3 && ticks.length <= 14, `${min} to ${max}: ${ticks.join()}`);
    assert.ok(ticks.every((tick) => tick >= min && tick <= max));
  }
  assert.deepEqual(logTicks(0, 5), []);
});

it('refuses numbers a field cannot take, and says what it takes', () => {
  const whole = { type: 'integer', minimum: 2, maximum: 10 } as const;
  assert.equal(wrongNumber(whole, 5), '');
  for (const value of [1, 11, 2.5, NaN]) {
    assert.equal(
      wrongNumber(whole, value),
      'This must be a whole number, at least 2 and at most 10.',
    );
  }
});
