import type { Rng } from '../numeric/rng.ts';
import { blocksOf, qkUnitCount } from '../model/block.ts';
import type { ModelShape } from '../model/modelShape.ts';
import { type AttentionMasks, keepBest, keptCount } from '../subnet/select.ts';
import type { LayerScores, Subnet } from '../model/subnet.ts';
import { subnetOf } from './genome.ts';
import { repair } from './repair.ts';
import { openSpace, tailFirst, terrainOf } from './terrain.ts';

/** What a starting subnet is made from. */
export interface BaselineProblem {
  readonly shape: ModelShape;
  readonly masks: AttentionMasks;
  /** Block parameters. */
  readonly budget: number;
}

/**
 * The importance-initialised subnet: the same ratio in every block, head and MLP, the best-scored
 * units kept, exactly on budget.
 * @param scores  per block, [L]
 * @throws EngineError  `budget` when no subnet can have the budget
 * @source METHODS section 1.1, initialisation
 */
export function initialSubnet(problem: BaselineProblem, scores: readonly LayerScores[]): Subnet {
  const { shape, masks, budget } = problem;
  const terrain = terrainOf({
    shape,
    space: openSpace(shape.layers, masks),
    scores,
    budget,
    blockOrder: tailFirst(shape.layers),
  });
  const pools = terrain.pools.flat();
  const prunable = pools.reduce((sum, pool) => sum + pool.cost * pool.units, 0);
  const fixed = terrain.blockFixed.reduce((sum, one) => sum + one, 0);
  const ratio = (budget - fixed) / prunable;
  // A ratio of zero would remove sublayers; the repair drops whole blocks where it must.
  const uniform = Math.min(1, Math.max(ratio, Number.EPSILON));
  const start = {
    present: terrain.pools.map((own) => own.length > 0),
    kept: terrain.pools.map((own) =>
      own.map((pool) => keepBest(pool.scores, keptCount(uniform, pool.units))),
    ),
  };
  return subnetOf(terrain, repair(terrain, start, { noise: 0 }));
}

/**
 * A control for comparisons: the same uniform ratios as {@link initialSubnet}, units drawn at
 * random.
 * @throws EngineError  `budget` when no subnet can have the budget
 */
export function randomSubnet(problem: BaselineProblem, rng: Rng): Subnet {
  const { shape } = problem;
  const draw = (length: number): Float64Array => Float64Array.from({ length }, () => rng.uniform());
  const scores = blocksOf(shape).map(({ attention, mlp }): LayerScores => {
    const heads = Array.from({ length: attention.kvHeads });
    return {
      qk: heads.map(() => draw(qkUnitCount(attention))),
      vo: heads.map(() => draw(attention.headDim)),
      mlp: draw(mlp.intermediate),
    };
  });
  return initialSubnet(problem, scores);
}
