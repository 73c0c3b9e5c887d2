import assert from 'node:assert/strict';
import test from 'node:test';
import { rngFor } from '../../../src/engine/numeric/rng.ts';
import { crossover } from '../../../src/engine/search/crossover.ts';
import { depthOf, genomeParameters, type Genome } from '../../../src/engine/search/genome.ts';
import { mutate, type MutationRates } from '../../../src/engine/search/mutate.ts';
import { methodAOptions } from '../../../src/engine/search/options.ts';
import type { Terrain } from '../../../src/engine/search/terrain.ts';
import { tinyLlama } from '../subnet/shapes.ts';
import { problemFor, startOf } from './problems.ts';

const open = { least: 0.05, most: 1, step: 0.05 };
const { terrain, genome } = startOf(
  problemFor(tinyLlama, 0.6, 'decoupled', {
    attention: open,
    mlp: open,
    depth: { least: 2, most: 4 },
  }),
);

function check(rates: Partial<MutationRates>, seed: number): Genome {
  const all = { depth: 0, ratio: 0, mask: 0, ...rates };
  return mutate(terrain, genome, all, rngFor(seed), methodAOptions);
}

function overlap(a: Uint32Array, b: Uint32Array): number {
  const other = new Set(b);
  return a.filter((unit) => other.has(unit)).length;
}

function changedPools(at: Terrain, a: Genome, b: Genome): string[] {
  return at.pools.flatMap((pools, l) =>
    pools.flatMap((_, p) => {
      const [x, y] = [a.kept[l]![p]!, b.kept[l]![p]!];
      return x.length === y.length && overlap(x, y) === x.length ? [] : [`${l}.${p}`];
    }),
  );
}

test('a mask mutation changes every mask and no ratio', () => {
  const child = check({ mask: 1 }, 1);
  child.kept.forEach((pools, l) =>
    pools.forEach((kept, p) => {
      const old = genome.kept[l]![p]!;
      assert.equal(kept.length, old.length);
      assert.equal(overlap(kept, old), Math.round(0.8 * old.length));
    }),
  );
});

test('a ratio mutation grows or shrinks masks and swaps nothing', () => {
  const rates = { depth: 0, ratio: 1, mask: 0 };
  const child = mutate(terrain, genome, rates, rngFor(2), { ...methodAOptions, ratioNoise: 0 });
  let resized = 0;
  child.kept.forEach((pools, l) =>
    pools.forEach((kept, p) => {
      const old = genome.kept[l]![p]!;
      assert.equal(overlap(kept, old), Math.min(kept.length, old.length), `${l} ${p}`);
      if (kept.length !== old.length) resized++;
    }),
  );
  assert.ok(resized > 10, `${resized}`);
});

test('a depth mutation reaches every depth of the space and no other', () => {
  const met = new Set<number>();
  for (let seed = 0; seed < 60; seed++) met.add(depthOf(check({ depth: 1 }, seed)));
  // Two blocks of four hold at most half of the parameters, less than the budget of 60%.
  assert.deepEqual([...met].sort(), [3, 4]);
});

test('a draw in which nothing would change still makes a new child', () => {
  const child = check({}, 3);
  assert.ok(changedPools(terrain, genome, child).length > 0);
});

test('a crossover takes every gene from one of its parents, but for the repair', () => {
  const a = check({ mask: 1 }, 4);
  const b = check({ mask: 1 }, 5);
  const child = crossover(terrain, a, b, rngFor(6), 0);
  const fromA = changedPools(terrain, a, child);
  const fromB = changedPools(terrain, b, child);
  // Both parents have the same ratios, so there is nothing to repair.
  const genes = terrain.pools.flat().length;
  assert.equal(fromA.filter((gene) => fromB.includes(gene)).length, 0);
  assert.ok(fromA.length > 0.2 * genes && fromB.length > 0.2 * genes);
});

test('parents of different depth cross block by block', () => {
  const deep = check({ mask: 1 }, 7);
  const shallow = { ...check({ mask: 1 }, 8), present: [true, true, false, true] };
  const depths = new Set<number>();
  for (let seed = 0; seed < 20; seed++) {
    const child = crossover(terrain, deep, shallow, rngFor(seed), 0);
    assert.deepEqual(child.present.toSpliced(2, 1), [true, true, true]);
    depths.add(depthOf(child));
    assert.ok(Math.abs(genomeParameters(terrain, child) - terrain.budget) < 48);
  }
  assert.deepEqual([...depths].sort(), [3, 4]);
});
