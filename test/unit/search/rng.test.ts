import assert from 'node:assert/strict';
import test from 'node:test';
import { rngFor, type Rng } from '../../../src/engine/numeric/rng.ts';

function draws(rng: Rng, n: number): number[] {
  return Array.from({ length: n }, () => rng.uniform());
}

test('a stream is named by its seed and labels alone', () => {
  assert.deepEqual(draws(rngFor(7, 'breed', 3, 1), 5), draws(rngFor(7, 'breed', 3, 1), 5));
  const names = [
    rngFor(7, 'breed', 3, 1),
    rngFor(7, 'breed', 3, 2),
    rngFor(7, 'breed', 31),
    rngFor(7, 'breed', '3', 1),
    rngFor(8, 'breed', 3, 1),
    rngFor(-7, 'breed', 3, 1),
    rngFor(7),
  ];
  assert.equal(new Set(names.map((rng) => rng.uniform())).size, names.length);
});

test('streams do not change between versions', () => {
  const rng = rngFor(1, 'pinned');
  assert.deepEqual([rng.int(1000), rng.int(1000), rng.int(1000)], [611, 949, 408]);
});

test('uniform draws fill the unit interval evenly', () => {
  const bins = new Array<number>(10).fill(0);
  const rng = rngFor(1, 'bins');
  for (let i = 0; i < 10_000; i++) bins[rng.int(10)]! += 1;
  // Standard deviation of a bin is 30; five of them.
  for (const count of bins) assert.ok(Math.abs(count - 1000) < 150, `${bins.join(' ')}`);
});

test('normal draws have mean 0 and variance 1, Gumbel draws mean .577', () => {
  const rng = rngFor(1, 'moments');
  const normal = Array.from({ length: 10_000 }, () => rng.normal());
  const mean = (values: number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
  // Five standard errors of each figure over 10,000 draws.
  assert.ok(Math.abs(mean(normal)) < 0.05);
  assert.ok(Math.abs(mean(normal.map((x) => x * x)) - 1) < 0.071);
  const gumbel = Array.from({ length: 10_000 }, () => rng.gumbel());
  assert.ok(gumbel.every(Number.isFinite));
  assert.ok(Math.abs(mean(gumbel) - 0.5772) < 0.064);
});

test('a sample holds distinct numbers and every number can be drawn', () => {
  const rng = rngFor(1, 'sample');
  assert.deepEqual(rng.sample(5, 5).sort(), Uint32Array.of(0, 1, 2, 3, 4));
  const met = new Set<number>();
  for (let i = 0; i < 200; i++) {
    const sample = rng.sample(5, 2);
    assert.equal(new Set(sample).size, 2);
    sample.forEach((value) => met.add(value));
  }
  assert.equal(met.size, 5);
  assert.equal(rng.sample(5, 0).length, 0);
});

test('a shuffle keeps every item and leaves its argument alone', () => {
  const items = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
  const shuffled = rngFor(1, 'shuffle').shuffle(items);
  assert.deepEqual(shuffled.slice().sort(), items);
  assert.notDeepEqual(shuffled, items);
  assert.deepEqual(items.slice(0, 3), ['a', 'b', 'c']);
});
