import assert from 'node:assert/strict';
import { it } from 'node:test';
import {
  formatBytes,
  formatChange,
  formatCount,
  formatLarge,
  formatLeft,
  formatMs,
  formatScore,
  formatShare,
  formatSpan,
  formatSpent,
  formatTick,
} from '../../../webview/format.ts';

/** Every gap of a figure is one that does not break; here it is written as a space. */
function check(
  format: (value: number) => string,
  rows: readonly (readonly [number, string])[],
): void {
  for (const [value, text] of rows) {
    assert.equal(format(value).replaceAll('\u00a0', ' '), text);
    assert.doesNotMatch(format(value), / /);
  }
}

it('writes counts in groups of three digits', () => {
  check(formatCount, [
    [0, '0'],
    [999, '999'],
    [1234, '1,234'],
    [102664512, '102,664,512'],
  ]);
});

it('writes large counts with three digits and a unit', () => {
  check(formatLarge, [
    [999, '999'],
    [1000, '1.00 k'],
    [98_700, '98.7 k'],
    [494e6, '494 M'],
    [1.234e9, '1.23 B'],
  ]);
  check(formatLarge, [
    [999_999, '1.00 M'],
    [99_950, '100 k'],
  ]);
});

it('writes bytes in powers of 1000', () => {
  check(formatBytes, [
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.00 kB'],
    [2_937_204, '2.94 MB'],
    [1.5e9, '1.50 GB'],
    [1e15, '1000 TB'],
  ]);
});

it('writes times of a measurement in ms or s', () => {
  check(formatMs, [
    [0.25, '0.25 ms'],
    [373.4, '373 ms'],
    [1500, '1.50 s'],
  ]);
});

it('writes scores with four digits, whatever their size', () => {
  check(formatScore, [
    [34.484, '34.48'],
    [117.64, '117.6'],
    [89519.7, '89,520'],
    [0.01677, '0.0168'],
    [1.2e-5, '1.20e−5'],
    [Infinity, '∞'],
  ]);
});

it('writes ticks with no more digits than they need', () => {
  check(formatTick, [
    [200, '200'],
    [0.1 + 0.2, '0.3'],
    [-5, '−5'],
    [250_000, '250 k'],
  ]);
});

it('writes a change as per cent, and as a multiple when it is large', () => {
  const from20 = (to: number): string => formatChange(20, to);
  check(from20, [
    [20, '±0%'],
    [10, '−50%'],
    [21, '+5.0%'],
    [34, '+70%'],
    [90_000, '4,500×'],
  ]);
  assert.equal(formatChange(0, 5), '');
});

it('writes shares with a digit only where it says more', () => {
  check(formatShare, [
    [0.7, '70%'],
    [0.699, '69.9%'],
    [1, '100%'],
  ]);
});

it('writes spans of time as a clock, and short ones in seconds', () => {
  check(formatSpan, [
    [7_400, '0:07'],
    [754_000, '12:34'],
    [3_723_000, '1:02:03'],
    [-5, '0:00'],
  ]);
  check(formatSpent, [
    [4_500, '4.5 s'],
    [101_000, '1:41'],
  ]);
});

it('says about how long something takes, in steps', () => {
  const words = [4_000, 31_000, 260_000, 3_900_000].map(formatLeft);
  const plain = words.map((text) => text.replaceAll('\u00a0', ' '));
  assert.deepEqual(plain, ['a few seconds left', '40 s left', '4 min left', '1 h 5 min left']);
});
