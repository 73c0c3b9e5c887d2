import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isEngineError } from '../../../src/protocol/errors.ts';
import { splitTokens, windowsOf } from '../../../src/engine/tokenizer/tokenWindows.ts';
import { propertyOptions } from '../../property/propertyOptions.ts';

const count = (length: number): Uint32Array => Uint32Array.from({ length }, (_, i) => i);

describe('windowsOf', () => {
  test('cuts one window after the other and drops the rest', () => {
    const windows = windowsOf(count(11), 4, 'all', { mode: 'contiguous' });
    assert.deepEqual(
      windows.map((window) => [...window]),
      [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
      ],
    );
  });

  test('puts a start token in front of every window, as a part of its length', () => {
    for (const mode of [{ mode: 'contiguous' }, { mode: 'random', seed: 3 }] as const) {
      const windows = windowsOf(count(11), 4, 3, { ...mode, start: 99 });
      assert.ok(windows.every((window) => window.length === 4 && window[0] === 99));
      assert.ok(windows.every((window) => window[3]! - window[1]! === 2));
    }
    const all = windowsOf(count(11), 4, 'all', { mode: 'contiguous', start: 99 });
    assert.deepEqual(
      all.map((window) => [...window]),
      [
        [99, 0, 1, 2],
        [99, 3, 4, 5],
        [99, 6, 7, 8],
      ],
    );
  });

  test('says how many tokens a too short text has', () => {
    assert.throws(
      () => windowsOf(count(7), 8, 'all', { mode: 'random', seed: 1 }),
      (error) =>
        isEngineError(error, 'text') &&
        error.problem.found === '7 tokens' &&
        error.problem.expected === 'at least 8 tokens for one window',
    );
    assert.throws(
      () => windowsOf(count(31), 8, 4, { mode: 'contiguous' }),
      (error) =>
        isEngineError(error, 'text') && /at least 32 are needed for 4 windows/.test(error.message),
    );
    assert.throws(
      () => windowsOf(count(10), 8, 4, { mode: 'random', seed: 1 }),
      (error) =>
        isEngineError(error, 'text') && /at least 11 are needed for 4 windows/.test(error.message),
    );
  });

  test('draws distinct ascending offsets that only the seed decides', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 20 }), (seed, windows) => {
        const offsets = (s: number): number[] =>
          windowsOf(count(60), 10, windows, { mode: 'random', seed: s }).map((w) => w[0]!);
        const drawn = offsets(seed);
        assert.equal(drawn.length, windows);
        assert.ok(drawn.every((offset, i) => i === 0 || offset > drawn[i - 1]!));
        assert.ok(drawn.every((offset) => offset <= 50));
        assert.deepEqual(drawn, offsets(seed));
      }),
      propertyOptions(),
    );
    const draw = (seed: number): number[] =>
      windowsOf(count(5000), 10, 8, { mode: 'random', seed }).map((w) => w[0]!);
    assert.notDeepEqual(draw(1), draw(2));
  });

  test('can give every place there is', () => {
    const windows = windowsOf(count(12), 10, 3, { mode: 'random', seed: 5 });
    assert.deepEqual(
      windows.map((window) => window[0]),
      [0, 1, 2],
    );
  });
});

describe('splitTokens', () => {
  test('gives parts that follow each other and together are the whole', () => {
    const tokens = count(100);
    const parts = splitTokens(tokens, [0.1, 0.2, 0.7]);
    assert.deepEqual(
      parts.map((part) => part.length),
      [10, 20, 70],
    );
    assert.deepEqual([...parts.flatMap((part) => [...part])], [...tokens]);
  });

  test('refuses more than everything', () => {
    assert.throws(() => splitTokens(count(10), [0.6, 0.6]), RangeError);
    assert.throws(() => splitTokens(count(10), [-0.1]), RangeError);
    assert.throws(() => splitTokens(count(10), [NaN]), RangeError);
  });
});
