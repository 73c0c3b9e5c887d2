import assert from 'node:assert/strict';
import test from 'node:test';
import { rngFor } from '../../../src/engine/numeric/rng.ts';
import { resize, swapUnits } from '../../../src/engine/search/resize.ts';
import type { Pool } from '../../../src/engine/search/terrain.ts';
import { rankByScore } from '../../../src/engine/subnet/select.ts';

function poolOf(scores: number[]): Pool {
  const values = Float64Array.from(scores);
  const rank = new Uint32Array(scores.length);
  rankByScore(values).forEach((unit, place) => (rank[unit] = place));
  return {
    kind: 'mlp',
    head: 0,
    members: Uint32Array.from(scores.keys()),
    units: scores.length,
    cost: 1,
    range: { least: 0, most: 1, step: 0.1 },
    least: 1,
    most: scores.length,
    scores: values,
    logScores: values.map((score) => Math.log(Math.max(score, Number.MIN_VALUE))),
    rank,
  };
}

const pool = poolOf([5, 1, 4, 2, 3, 0]);

test('growing adds the best removed units, shrinking gives up the worst kept ones', () => {
  assert.deepEqual(resize(pool, Uint32Array.of(1, 4), 4), Uint32Array.of(0, 1, 2, 4));
  assert.deepEqual(resize(pool, Uint32Array.of(0, 1, 5), 2), Uint32Array.of(0, 1));
  assert.deepEqual(resize(pool, Uint32Array.of(0, 1), 0), new Uint32Array(0));
});

test('with any noise the smaller set is part of the larger', () => {
  const kept = Uint32Array.of(1, 2, 5);
  for (let seed = 0; seed < 50; seed++) {
    const draw = { rng: rngFor(seed), noise: 'uniform' as const };
    const grown = resize(pool, kept, 5, draw);
    assert.ok(kept.every((unit) => grown.includes(unit)));
    assert.ok(resize(pool, kept, 1, draw).every((unit) => kept.includes(unit)));
  }
});

test('noise can change the choice, and less of it changes it less often', () => {
  const others = (noise: number | 'uniform'): number => {
    let count = 0;
    for (let seed = 0; seed < 300; seed++) {
      const kept = resize(pool, Uint32Array.of(0, 1, 2, 3, 4, 5), 2, { rng: rngFor(seed), noise });
      if (kept[0] !== 0 || kept[1] !== 2) count++;
    }
    return count;
  };
  const [none, little, much, all] = [others(0), others(0.1), others(1), others('uniform')];
  assert.equal(none, 0);
  assert.ok(0 < little && little < much && much < all, `${little} ${much} ${all}`);
  // One pair in fifteen is the best pair: 280 of 300 expected, standard deviation 4.3.
  assert.ok(all > 255, `${all}`);
});

test('a swap keeps its share at every ratio, where the printed algorithm cannot', () => {
  const n = 200;
  const wide = poolOf(Array.from({ length: n }, (_, i) => 1 + i));
  for (let percent = 5; percent <= 100; percent += 5) {
    const k = (n * percent) / 100;
    const kept = rngFor(1, percent).sample(n, k).sort();
    for (const noise of ['uniform', 0.5] as const) {
      const next = swapUnits(wide, kept, 0.8, { rng: rngFor(2, percent), noise });
      const stayed = next.filter((unit) => kept.includes(unit)).length;
      assert.equal(next.length, k);
      // Above 5/6 fewer units are removed than a fifth of the kept ones.
      assert.equal(stayed, Math.max(Math.round(0.8 * k), 2 * k - n), `${percent}% ${noise}`);
    }
  }
});

test('scores that are zero or negative can be drawn with noise', () => {
  const odd = poolOf([0, -1, 0, 2]);
  const next = resize(odd, Uint32Array.of(0, 1, 2, 3), 2, { rng: rngFor(3), noise: 1 });
  assert.equal(next.length, 2);
  assert.ok(next.includes(3));
});
