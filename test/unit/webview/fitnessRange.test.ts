import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fitnessRange } from '../../../webview/data/fitnessRange.ts';

/** A search that goes from 4 to 3, after two initial subnets that are worse by orders of magnitude. */
const searched = [9000, 700, ...Array.from({ length: 98 }, (_, i) => 4 - i / 97)];

describe('the axis of a search', () => {
  for (const logarithmic of [false, true]) {
    it(`is not flattened by outliers, ${logarithmic ? 'logarithmic' : 'linear'}`, () => {
      const { min, max } = fitnessRange(searched, null, logarithmic);
      assert.ok(min <= 3 && max >= 4, `${min} to ${max}`);
      assert.ok(max < 6, `the axis reaches to ${max}`);
    });

    it(`holds the dense model when that leaves room, ${logarithmic ? 'logarithmic' : 'linear'}`, () => {
      assert.ok(fitnessRange(searched, 2.6, logarithmic).min <= 2.6);
      // At twenty times less, the subnets would fill a sliver of the axis.
      assert.ok(fitnessRange(searched, 0.15, logarithmic).min > 0.15);
    });
  }

  it('has room for one subnet, for none and for figures that are no numbers', () => {
    for (const ys of [[], [5], [NaN, 5, Infinity], [0, -1]]) {
      for (const logarithmic of [false, true]) {
        const { min, max } = fitnessRange(ys, null, logarithmic);
        assert.ok(Number.isFinite(min) && Number.isFinite(max) && max > min, `${ys.join()}`);
      }
    }
  });
});
