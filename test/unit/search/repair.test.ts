import assert from 'node:assert/strict';
import test from 'node:test';
import { rngFor } from '../../../src/engine/numeric/rng.ts';
import { isEngineError } from '../../../src/protocol/errors.ts';
import {
  depthOf,
  genomeOf,
  genomeParameters,
  subnetOf,
} from '../../../src/engine/search/genome.ts';
import { achievableRange, repair, setDepth } from '../../../src/engine/search/repair.ts';
import { terrainOf, type SearchProblem } from '../../../src/engine/search/terrain.ts';
import { denseSubnet } from '../../../src/engine/model/subnet.ts';
import { assertLegal, assertOnBudget } from '../../../src/engine/subnet/legal.ts';
import { smolShape, tinyLlama, tinyOpt } from '../subnet/shapes.ts';
import { problemFor, startOf } from './problems.ts';

/** Repairs the dense genome and checks legality and budget. */
function checkRepair(problem: SearchProblem): ReturnType<typeof repair> {
  const terrain = terrainOf(problem);
  const dense = genomeOf(terrain, denseSubnet(problem.shape));
  const repaired = repair(terrain, dense, { noise: 0 });
  const subnet = subnetOf(terrain, repaired);
  assertLegal(problem.shape, subnet);
  assertOnBudget(problem.shape, subnet, problem.budget);
  return repaired;
}

test('a Llama budget that unit sizes can add up to is met exactly', () => {
  // The units of tinyLlama are multiples of 3 H; those of SmolLM2 (8, 4 and 3 times H) of H.
  for (const [shape, divisor] of [[tinyLlama, 3 * 16] as const, [smolShape, 576] as const]) {
    for (const kept of [0.3, 0.55, 0.7, 0.85, 1]) {
      const problem = problemFor(shape, kept, 'decoupled');
      const budget = problem.budget - (problem.budget % divisor);
      const genome = checkRepair({ ...problem, budget });
      assert.equal(genomeParameters(terrainOf(problem), genome), budget, `${divisor} ${kept}`);
    }
  }
});

test('every budget there is can be met', () => {
  for (const shape of [tinyLlama, tinyOpt]) {
    const problem = problemFor(shape, 0.5, 'decoupled');
    const { least, most } = achievableRange(terrainOf(problem));
    for (let budget = least; budget <= most; budget += 97) checkRepair({ ...problem, budget });
    checkRepair({ ...problem, budget: most });
  }
});

test('the bounds of the space hold where the budget fits inside them', () => {
  const problem = problemFor(tinyLlama, 0.6, 'decoupled');
  const { pools } = terrainOf(problem);
  const genome = checkRepair(problem);
  genome.kept.forEach((kept, l) =>
    kept.forEach((units, p) => {
      const { least, most } = pools[l]![p]!;
      assert.ok(units.length >= least && units.length <= most, `${l} ${p}`);
    }),
  );
});

test('bounds give way when the budget does not fit inside them', () => {
  const tight = { least: 0.9, most: 1, step: 0.01 };
  const all = { attention: tight, mlp: tight, depth: { least: 4, most: 4 } };
  const genome = checkRepair(problemFor(tinyLlama, 0.5, 'decoupled', all));
  assert.equal(depthOf(genome), 4);
});

test('blocks are dropped before ratios leave their bounds', () => {
  const tight = { least: 0.9, most: 1, step: 0.01 };
  const some = { attention: tight, mlp: tight, depth: { least: 2, most: 4 } };
  const genome = checkRepair(problemFor(tinyLlama, 0.7, 'decoupled', some));
  assert.deepEqual(genome.present, [true, true, true, false]);
  assert.ok(genome.kept[0]!.every((units, p) => units.length >= [7, 14, 7, 14, 36][p]!));
});

test('blocks come back when the present ones cannot hold the budget', () => {
  const problem = problemFor(tinyLlama, 0.9, 'tied', { depth: { least: 1, most: 4 } });
  const terrain = terrainOf(problem);
  const dense = genomeOf(terrain, denseSubnet(tinyLlama));
  const shallow = { ...dense, present: [true, true, false, false] };
  assert.deepEqual(repair(terrain, shallow, { noise: 0 }).present, [true, true, true, true]);
});

test('the block order says who leaves first and who returns first', () => {
  const terrain = terrainOf({ ...problemFor(tinyLlama, 0.7, 'tied'), blockOrder: [1, 3, 0, 2] });
  const all = [true, true, true, true];
  assert.deepEqual(setDepth(terrain, all, 2), [true, false, true, false]);
  assert.deepEqual(setDepth(terrain, [true, false, true, false], 3), [true, false, true, true]);
});

test('the worst kept units leave and the best removed ones enter', () => {
  const problem = problemFor(tinyLlama, 0.5, 'decoupled');
  const terrain = terrainOf(problem);
  const cut = checkRepair(problem);
  const grown = repair(terrainOf({ ...problem, budget: problem.budget + 2000 }), cut, { noise: 0 });
  for (const genome of [cut, grown]) {
    genome.kept.forEach((pools, l) =>
      pools.forEach((kept, p) => {
        const { rank } = terrain.pools[l]![p]!;
        assert.ok(
          [...kept].every((unit) => rank[unit]! < kept.length),
          `${l} ${p}`,
        );
      }),
    );
  }
  assert.ok(genomeParameters(terrain, grown) > genomeParameters(terrain, cut) + 1900);
});

test('spared pools stay as they are while others can give', () => {
  const { terrain, genome } = startOf(problemFor(smolShape, 0.8, 'decoupled'));
  const leaner = { ...terrain, budget: Math.round(0.97 * terrain.budget) };
  const spared = new Set(terrain.pools[0]);
  const repaired = repair(leaner, genome, { noise: 0, spared });
  assert.deepEqual(repaired.kept[0], genome.kept[0]);
  assert.notDeepEqual(repaired.kept[1], genome.kept[1]);
});

test('noise makes repairs differ, and the same stream gives the same repair', () => {
  const { terrain, genome } = startOf(problemFor(tinyLlama, 0.8, 'decoupled'));
  const leaner = { ...terrain, budget: Math.round(0.9 * terrain.budget) };
  const noisy = (seed: number): unknown =>
    repair(leaner, genome, { rng: rngFor(seed), noise: 1 }).kept;
  assert.deepEqual(noisy(1), noisy(1));
  assert.notDeepEqual(noisy(1), noisy(2));
});

test('a budget no subnet can have names the range of those that can', () => {
  const problem = problemFor(tinyLlama, 0.5, 'decoupled');
  const { least, most } = achievableRange(terrainOf(problem));
  // One block, two heads with a pair (6H) and a value dimension (3H) each, one neuron (3H).
  assert.equal(least, (2 * (6 + 3) + 3) * 16);
  for (const budget of [least - 1, most + 1, 0, NaN]) {
    assert.throws(
      () => checkRepair({ ...problem, budget }),
      (error) => isEngineError(error, 'budget') && error.message.includes(`${least} to ${most}`),
    );
  }
});
