import assert from 'node:assert/strict';
import test from 'node:test';
import { rngFor } from '../../../src/engine/numeric/rng.ts';
import { initialSubnet, randomSubnet } from '../../../src/engine/search/baseline.ts';
import { blockBudget, countParameters } from '../../../src/engine/model/cost.ts';
import { subnetKey } from '../../../src/engine/subnet/key.ts';
import { assertLegal, assertOnBudget } from '../../../src/engine/subnet/legal.ts';
import { keepBest } from '../../../src/engine/subnet/select.ts';
import { optShape, randomScores, smolShape, tinyLlama } from '../subnet/shapes.ts';

test('the initial subnet keeps the best units at one ratio everywhere', () => {
  for (const shape of [smolShape, optShape]) {
    const budget = blockBudget(shape, 0.7);
    const scores = randomScores(shape, 3);
    const subnet = initialSubnet({ shape, masks: 'decoupled', budget }, scores);
    assertLegal(shape, subnet);
    assertOnBudget(shape, subnet, budget);
    subnet.layers.forEach(({ heads, mlp }, l) => {
      heads.forEach(({ qk, vo }, h) => {
        assert.deepEqual(qk, keepBest(scores[l]!.qk[h]!, qk.length));
        // One unit of 32 is 3%; rounding and the last exchange move no head further.
        assert.ok(Math.abs(qk.length / scores[l]!.qk[h]!.length - 0.7) < 0.04);
        assert.ok(Math.abs(vo.length / scores[l]!.vo[h]!.length - 0.7) < 0.04);
      });
      assert.deepEqual(mlp, keepBest(scores[l]!.mlp, mlp.length));
      assert.ok(Math.abs(mlp.length / scores[l]!.mlp.length - 0.7) < 0.01);
    });
  }
});

test('at the budgets of METHODS 6.1 SmolLM2 is hit to the parameter', () => {
  for (const kept of [0.9, 0.8, 0.7, 0.6, 0.5]) {
    const budget = blockBudget(smolShape, kept);
    for (const masks of ['tied', 'decoupled'] as const) {
      const subnet = initialSubnet({ shape: smolShape, masks, budget }, randomScores(smolShape, 1));
      assert.equal(countParameters(smolShape, subnet).block, budget);
    }
  }
});

test('random controls have equal parameters and differ by stream', () => {
  const problem = { shape: tinyLlama, masks: 'tied' as const, budget: blockBudget(tinyLlama, 0.7) };
  const keys = [1, 2, 1].map((seed) => {
    const subnet = randomSubnet(problem, rngFor(seed, 'random'));
    assertLegal(tinyLlama, subnet);
    assertOnBudget(tinyLlama, subnet, problem.budget);
    return subnetKey(subnet);
  });
  assert.equal(keys[0], keys[2]);
  assert.notEqual(keys[0], keys[1]);
});
