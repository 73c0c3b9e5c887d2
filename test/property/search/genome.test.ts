import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { rngFor } from '../../../src/engine/numeric/rng.ts';
import { crossover } from '../../../src/engine/search/crossover.ts';
import {
  decodeGenome,
  depthOf,
  encodeGenome,
  genomeOf,
  subnetOf,
  type Genome,
} from '../../../src/engine/search/genome.ts';
import { mutate } from '../../../src/engine/search/mutate.ts';
import { methodAOptions, quickOptions } from '../../../src/engine/search/options.ts';
import type { Terrain } from '../../../src/engine/search/terrain.ts';
import { assertLegal, assertOnBudget } from '../../../src/engine/subnet/legal.ts';
import { problemFor, startOf } from '../../unit/search/problems.ts';
import {
  llamaShape,
  oddLlama,
  partlyRotated,
  tinyLlama,
  tinyOpt,
} from '../../unit/subnet/shapes.ts';
import { propertyOptions } from '../propertyOptions.ts';

/** Many query heads on one key/value head, so that unit sizes are far apart; biased like Qwen2. */
const multiQuery = {
  ...llamaShape({
    layers: 3,
    hidden: 24,
    heads: 8,
    kvHeads: 1,
    headDim: 12,
    intermediate: 50,
    vocab: 50,
  }),
  bias: { qkv: true, output: false, mlp: false },
};

const setting = fc.record({
  shape: fc.constantFrom(tinyLlama, tinyOpt, oddLlama, multiQuery, partlyRotated),
  kept: fc.double({ min: 0.3, max: 0.95, noNaN: true }),
  masks: fc.constantFrom('tied' as const, 'decoupled' as const),
  options: fc.constantFrom(methodAOptions, quickOptions),
  seed: fc.integer(),
  steps: fc.array(fc.constantFrom('mutate', 'strong', 'cross'), { minLength: 1, maxLength: 6 }),
});

/** Legal, exactly on budget, within the bounds of the space where the start was. */
function checkGenome(terrain: Terrain, genome: Genome): void {
  const subnet = subnetOf(terrain, genome);
  assertLegal(terrain.shape, subnet);
  assertOnBudget(terrain.shape, subnet, terrain.budget, terrain.space.masks);
  const { least, most } = terrain.space.depth;
  assert.ok(depthOf(genome) >= least && depthOf(genome) <= most);
  genome.kept.forEach((pools, l) =>
    pools.forEach((kept, p) => {
      const pool = terrain.pools[l]![p]!;
      const text = `layer ${l} ${pool.kind}: ${kept.length} of ${pool.least} to ${pool.most}`;
      if (genome.present[l]) assert.ok(kept.length >= pool.least && kept.length <= pool.most, text);
    }),
  );
}

test('any sequence of mutations and crossovers stays legal, on budget and in bounds', () => {
  fc.assert(
    fc.property(setting, ({ shape, kept, masks, options, seed, steps }) => {
      // Bounds wide enough that the last exchange fits inside them at every budget drawn here.
      const range = { least: 0.1, most: 1, step: 0.05 };
      const depth = { least: 2, most: shape.layers };
      const space = { attention: range, mlp: range, depth };
      const { terrain, genome } = startOf(problemFor(shape, kept, masks, space));
      const family = [genome];
      for (const [i, step] of steps.entries()) {
        const rng = rngFor(seed, i);
        const a = family[rng.int(family.length)]!;
        const b = family[rng.int(family.length)]!;
        const rates = step === 'strong' ? { depth: 0.5, ratio: 0.3, mask: 0.6 } : options.rates;
        const child =
          step === 'cross'
            ? crossover(terrain, a, b, rng, options.repairNoise)
            : mutate(terrain, a, rates, rng, options);
        checkGenome(terrain, child);
        family.push(child);
      }
    }),
    propertyOptions({ numRuns: 300 }),
  );
});

test('with the published ranges every child is legal and on budget', () => {
  fc.assert(
    fc.property(setting, ({ shape, kept, masks, options, seed }) => {
      const { terrain, genome } = startOf(problemFor(shape, kept, masks));
      const child = mutate(terrain, genome, options.initialRates, rngFor(seed), options);
      const subnet = subnetOf(terrain, child);
      assertLegal(shape, subnet);
      assertOnBudget(shape, subnet, terrain.budget, masks);
    }),
    propertyOptions({ numRuns: 300 }),
  );
});

test('a genome survives JSON, dropped blocks included', () => {
  fc.assert(
    fc.property(setting, ({ shape, masks, options, seed }) => {
      const depth = { least: 1, most: shape.layers };
      const { terrain, genome } = startOf(problemFor(shape, 0.5, masks, { depth }));
      const rates = { depth: 1, ratio: 0.3, mask: 0.6 };
      const child = mutate(terrain, genome, rates, rngFor(seed), options);
      const json: unknown = JSON.parse(JSON.stringify(encodeGenome(terrain, child)));
      const back = decodeGenome(terrain, json as ReturnType<typeof encodeGenome>, 'genome');
      assert.deepEqual(back, child);
      assert.deepEqual(
        subnetOf(terrain, genomeOf(terrain, subnetOf(terrain, child))),
        subnetOf(terrain, child),
      );
    }),
    propertyOptions({ numRuns: 100 }),
  );
});
