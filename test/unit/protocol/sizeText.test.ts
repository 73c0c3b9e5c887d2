import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bytesText, countText, digitsText } from '../../../src/protocol/sizeText.ts';
import { propertyOptions } from '../../property/propertyOptions.ts';

test('bytes are said in three digits of the largest fitting unit', () => {
  for (const [bytes, text] of [
    [0, '0 B'],
    [999, '999 B'],
    [1_234_567, '1.23 MB'],
    [1234, '1.23 kB'],
    [999_600, '1.00 MB'],
    [1.5e9, '1.50 GB'],
    [1_072_392_192, '1.07 GB'],
    [119_900_000_000, '120 GB'],
    [3.2e12, '3.20 TB'],
    [1e15, '1000 TB'],
  ] as const) {
    assert.equal(bytesText(bytes), text);
  }
});

test('counts are said in three digits with a letter', () => {
  for (const [count, text] of [
    [0, '0'],
    [999, '999'],
    [1000, '1.00 k'],
    [99_950, '100 k'],
    [134_515_008, '135 M'],
  ] as const) {
    assert.equal(countText(count), text);
  }
});

test('no size and no figure of ordinary size is said with an exponent', () => {
  fc.assert(
    fc.property(fc.double({ min: 1e-4, max: 1e15, noNaN: true }), (value) => {
      assert.match(bytesText(value), /^[\d.]+ (B|kB|MB|GB|TB)$/);
      assert.match(digitsText(value, 5), /^[\d.]+$/);
    }),
    propertyOptions(),
  );
});
