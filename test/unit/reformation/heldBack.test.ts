import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { batchesOf } from '../../../src/engine/evaluation/tokenBatches.ts';
import { holdBack } from '../../../src/engine/reformation/heldBack.ts';
import { pickTokens, type TokenRows } from '../../../src/engine/passes/statistics.ts';
import { windowsOf } from '../../../src/engine/tokenizer/tokenWindows.ts';

test('no token of a text is both fitted and held back, however windows overlap', () => {
  const cases = fc.record({
    seed: fc.nat(1000),
    time: fc.integer({ min: 2, max: 600 }),
    count: fc.integer({ min: 1, max: 90 }),
    spare: fc.integer({ min: 0, max: 3000 }),
  });
  fc.assert(
    fc.property(cases, ({ seed, time, count, spare }) => {
      const text = Uint32Array.from({ length: count + time + spare }, (_, i) => i);
      const windows = windowsOf(text, time, count, { mode: 'random', seed });
      const batches = batchesOf(windows);
      const split = holdBack(batches, seed);
      const held = new Set(tokensOf(batches, split.held));
      const fitted = tokensOf(batches, split.fitted);
      assert.ok(held.size > 0);
      assert.ok(fitted.every((token) => !held.has(token)));
      const others = windows.flatMap((window) => [...window]).filter((token) => !held.has(token));
      assert.deepEqual(fitted, others, 'every other token is fitted wherever it stands');
    }),
    { numRuns: 200 },
  );
});

test('of four neighbours one window is held back, drawn from the seed', () => {
  const windows = Array.from({ length: 23 }, (_, w) => new Uint32Array(64).fill(w));
  const batches = batchesOf(windows);
  const found = [0, 1, 2, 3, 4].map((seed) => [
    ...new Set(tokensOf(batches, holdBack(batches, seed).held)),
  ]);
  for (const held of found) {
    assert.equal(held.length, 5);
    for (const [group, window] of held.entries()) {
      assert.ok(window >= Math.floor((group * 23) / 5), `${held.join(' ')}`);
      assert.ok(window < Math.floor(((group + 1) * 23) / 5), `${held.join(' ')}`);
    }
  }
  assert.ok(new Set(found.map((held) => held.join())).size > 1, 'seeds differ');
  const again = holdBack(batches, 3);
  assert.deepEqual(again, holdBack(batches, 3));
});

test('of much text no more is held back than is enough: 16 windows or 4,096 tokens', () => {
  for (const [count, time, expected, refitsAll] of [
    [128, 256, 16, false],
    [128, 2048, 16, false],
    [400, 64, 64, true],
    [60, 256, 15, true],
  ] as const) {
    const windows = Array.from({ length: count }, () => new Uint32Array(time));
    const batches = batchesOf(windows);
    const split = holdBack(batches, 1);
    const held = tokensOf(batches, split.held).length / time;
    assert.equal(held, expected, `${count} windows of ${time}`);
    assert.equal(split.refitsAll, refitsAll, 'more than an eighth is missed');
  }
});

test('of a single window the last quarter is held back', () => {
  for (const time of [4, 9, 256]) {
    const { fitted, held } = holdBack([[new Uint32Array(time)]], 0);
    const first = Math.floor((3 * time) / 4);
    assert.deepEqual(
      [...held[0]!],
      Array.from({ length: time - first }, (_, i) => first + i),
    );
    assert.deepEqual([...fitted[0]!], [...Array.from({ length: first }).keys()]);
  }
});

test('no windows at all are split into nothing', () => {
  assert.deepEqual(holdBack([], 0), { fitted: [], held: [], refitsAll: false });
});

test('rows of a matrix are those asked for, and all of them are the matrix itself', () => {
  const data = Float32Array.from({ length: 12 }, (_, i) => i);
  assert.equal(pickTokens(data, 3, null), data);
  assert.deepEqual([...pickTokens(data, 3, Uint32Array.of(0, 2))], [0, 1, 2, 6, 7, 8]);
  assert.equal(pickTokens(data, 3, new Uint32Array(0)).length, 0);
});

/** The tokens of a set, in order. */
function tokensOf(
  batches: readonly (readonly Uint32Array[])[],
  rows: readonly TokenRows[],
): number[] {
  return batches.flatMap((batch, b) => {
    const tokens = batch.flatMap((window) => [...window]);
    const own = rows[b]!;
    return own === null ? tokens : [...own].map((row) => tokens[row]!);
  });
}
