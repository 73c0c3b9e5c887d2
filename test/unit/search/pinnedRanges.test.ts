import assert from 'node:assert/strict';
import test from 'node:test';
import { rngFor } from '../../../src/engine/numeric/rng.ts';
import { blockOf } from '../../../src/engine/model/block.ts';
import { unitCosts } from '../../../src/engine/model/cost.ts';
import { initialSubnet } from '../../../src/engine/search/baseline.ts';
import { evolve } from '../../../src/engine/search/evolve.ts';
import { genomeParameters, subnetOf } from '../../../src/engine/search/genome.ts';
import { mutate } from '../../../src/engine/search/mutate.ts';
import { methodAOptions, quickOptions } from '../../../src/engine/search/options.ts';
import type { GenerationState } from '../../../src/engine/search/state.ts';
import { assertLegal, assertOnBudget } from '../../../src/engine/subnet/legal.ts';
import { oddLlama } from '../subnet/shapes.ts';
import { problemFor, startOf } from './problems.ts';

// Heads of five pairs at 90% round to whole heads, so neurons of 3H are all there is to spend.
const problem = problemFor(oddLlama, 0.9004694053208138, 'tied');
const { terrain, genome } = startOf(problem);
const { shape, budget, scores } = problem;
const costs = unitCosts(blockOf(shape, 0));
const neuron = costs.mlp;

test('a tied space that pins the attention leaves less than a neuron of the budget', () => {
  assert.ok(terrain.pools.flat().every((pool) => pool.kind === 'mlp' || pool.least === pool.units));
  const child = mutate(terrain, genome, methodAOptions.initialRates, rngFor(0), methodAOptions);
  assertLegal(shape, subnetOf(terrain, child));
  assertOnBudget(shape, subnetOf(terrain, child), budget, 'tied');
  // A value dimension of 2H would fit, which a tied search cannot keep alone.
  assert.ok(budget - genomeParameters(terrain, child) >= costs.vo);
  assert.ok(budget - genomeParameters(terrain, child) < neuron);
});

test('a search in such a space resumes from its own states', async () => {
  const states: GenerationState[] = [];
  const request = {
    problem,
    initial: initialSubnet({ shape, budget, masks: 'tied' }, scores),
    seed: 1,
    options: { ...quickOptions, population: 8, survivors: 4, generations: 3 },
    signal: undefined,
    fitness: (subnet: ReturnType<typeof initialSubnet>) =>
      Promise.resolve(subnet.layers.reduce((sum, { mlp }, l) => sum + l * mlp.length, 0)),
  };
  const whole = await evolve({ ...request, onGeneration: (state) => void states.push(state) });
  assert.equal(states.length, 4);
  for (const state of states) assert.deepEqual(await evolve({ ...request, state }), whole);
});
