import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  medianInterval,
  pairedRatio,
  spreadOf,
} from '../../../src/engine/export/timingStatistics.ts';
import { rngFor } from '../../../src/engine/numeric/rng.ts';

test('interpolates quartiles', () => {
  assert.deepEqual(spreadOf([4, 1, 3, 2]), { median: 2.5, lower: 1.75, upper: 3.25 });
  assert.equal(spreadOf([5]).upper, 5);
});

test('leaves out as many samples at each end as 99% confidence allows', () => {
  const first = (n: number): number[] => Array.from({ length: n }, (_, i) => n - i);
  assert.equal(medianInterval(first(7)), null, '2 · 2⁻⁷ is more than 1%');
  assert.deepEqual(medianInterval(first(8)), { low: 1, high: 8 });
  // 2 · (1 + 15 + 105) / 2¹⁵ = 0.74%, and with 455 more it would be 3.5%.
  assert.deepEqual(medianInterval(first(15)), { low: 3, high: 13 });
  assert.deepEqual(medianInterval(first(25)), { low: 6, high: 20 });
});

test('calls equal models different in no more than one of a hundred comparisons', () => {
  const rng = rngFor(1, 'rounds');
  // A machine that is now and then three times as slow, for both models or for one.
  const round = (busy: number): number => busy * Math.exp(0.2 * rng.normal()) * spike();
  const spike = (): number => (rng.uniform() < 0.1 ? 3 : 1);
  let [different, missed] = [0, 0];
  const tries = 4000;
  for (let i = 0; i < tries; i++) {
    const busy = Array.from({ length: 15 }, spike);
    const dense = busy.map(round);
    const same = pairedRatio(busy.map(round), dense)!;
    if (same.low > 1 || same.high < 1) different++;
    const half = pairedRatio(
      busy.map((one) => 0.5 * round(one)),
      dense,
    )!;
    if (!(half.high < 1)) missed++;
  }
  assert.ok(different / tries < 0.013, `${different} of ${tries}`);
  assert.ok(missed / tries < 0.2, `${missed} of ${tries}`);
});
