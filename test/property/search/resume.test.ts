import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { initialSubnet } from '../../../src/engine/search/baseline.ts';
import { evolve, type EvolveRequest } from '../../../src/engine/search/evolve.ts';
import { quickOptions } from '../../../src/engine/search/options.ts';
import type { GenerationState } from '../../../src/engine/search/state.ts';
import type { Subnet } from '../../../src/engine/model/subnet.ts';
import { problemFor } from '../../unit/search/problems.ts';
import { tinyLlama, tinyOpt } from '../../unit/subnet/shapes.ts';
import { propertyOptions } from '../propertyOptions.ts';

const options = { ...quickOptions, population: 8, survivors: 4, generations: 5 };

/** Depends on the whole subnet, has ties, and fails now and then. */
function roughFitness(subnet: Subnet): number {
  let sum = 0;
  subnet.layers.forEach(({ heads, mlp }, l) => {
    for (const { qk, vo } of heads) sum += 3 * qk.length + (vo[0] ?? 7) + l * vo.length;
    for (const neuron of mlp) sum += (neuron * 7919) % 13;
  });
  return sum % 11 === 3 ? NaN : sum % 50;
}

function requestFor(seed: number, opt: boolean): EvolveRequest {
  const problem = problemFor(opt ? tinyOpt : tinyLlama, 0.6, opt ? 'decoupled' : 'tied');
  const { shape, budget, scores, space } = problem;
  return {
    problem,
    initial: initialSubnet({ shape, budget, masks: space.masks }, scores),
    seed,
    options,
    signal: undefined,
    fitness: (subnet) => Promise.resolve(roughFitness(subnet)),
  };
}

const place = fc.record({
  seed: fc.integer(),
  opt: fc.boolean(),
  evaluations: fc.integer({ min: 0, max: 90 }),
});

test('a search killed after any evaluation and resumed ends as if it had never stopped', async () => {
  await fc.assert(
    fc.asyncProperty(place, async ({ seed, opt, evaluations }) => {
      const request = requestFor(seed, opt);
      const states: string[] = [];
      const whole = await evolve({
        ...request,
        onGeneration: (state) => void states.push(JSON.stringify(state)),
      });

      let saved: string | null = null;
      const journal = new Map<string, number>();
      const killed = evolve({
        ...request,
        fitness: (subnet) => {
          if (journal.size === evaluations) throw new Error('killed');
          return Promise.resolve(roughFitness(subnet));
        },
        onEvaluated: ({ key, fitness }) => void journal.set(key, fitness ?? NaN),
        onGeneration: (state) => void (saved = JSON.stringify(state)),
      });
      await killed.catch(() => undefined);

      const resumedStates: string[] = [];
      const before = saved === null ? {} : { state: JSON.parse(saved) as GenerationState };
      const resumed = await evolve({
        ...request,
        ...before,
        known: journal,
        onGeneration: (state) => void resumedStates.push(JSON.stringify(state)),
      });
      assert.deepEqual(resumed, whole);
      assert.deepEqual(resumedStates, states.slice(states.length - resumedStates.length));
    }),
    propertyOptions({ numRuns: 25 }),
  );
});

test('a search resumed from any generation, without a journal, ends the same', async () => {
  const request = requestFor(11, false);
  const states: string[] = [];
  const whole = await evolve({
    ...request,
    onGeneration: (state) => void states.push(JSON.stringify(state)),
  });
  assert.equal(states.length, options.generations + 1);
  for (const saved of states) {
    const state = JSON.parse(saved) as GenerationState;
    assert.deepEqual(await evolve({ ...request, state }), whole);
  }
});

test('another seed is another search', async () => {
  const [one, two] = await Promise.all([
    evolve(requestFor(1, false)),
    evolve(requestFor(2, false)),
  ]);
  assert.notDeepEqual(one.state.known, two.state.known);
});
