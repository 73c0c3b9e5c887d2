import { EngineError } from '../../protocol/errors.ts';
import { eachBlock, type WeightSource } from '../checkpoint/weightSource.ts';
import { magnitudeScores } from '../importance/magnitude.ts';
import { unitScores } from '../importance/unitScores.ts';
import { initialSubnet } from '../search/baseline.ts';
import { countParameters } from '../model/cost.ts';
import type { LayerScores, Subnet } from '../model/subnet.ts';

/** A structured baseline: a subnet, with the weights it is to be used with. */
export interface StructuredCandidate {
  readonly weights: WeightSource;
  readonly subnet: Subnet;
  /** Parameters of the blocks: of the subnet, and of what the method adds or takes besides. */
  readonly blockParams: number;
  /** What the residual stream is projected by before each sublayer, [2L][H, H]; absent for nothing. */
  readonly projections?: readonly Float32Array[];
}

/**
 * The uniform subnet of the largest weights: every block, head and MLP keeps the same ratio, units
 * ranked by Σ W² over all their rows.
 * @param budget  block parameters, met exactly
 * @throws EngineError `budget` when no subnet has it
 * @source METHODS section 3.2
 */
export async function magnitudeSubnet(
  weights: WeightSource,
  budget: number,
): Promise<StructuredCandidate> {
  const { shape } = weights;
  const scores = await magnitudeUnitScores(weights);
  const subnet = initialSubnet({ shape, masks: 'decoupled', budget }, scores);
  return narrowed(weights, subnet);
}

/** A candidate that has the parameters of its subnet. */
export function narrowed(weights: WeightSource, subnet: Subnet): StructuredCandidate {
  return { weights, subnet, blockParams: countParameters(weights.shape, subnet).block };
}

/** Σ W² of every prunable unit, per block. */
export async function magnitudeUnitScores(weights: WeightSource): Promise<LayerScores[]> {
  const scores: LayerScores[] = [];
  for await (const [, layer] of eachBlock(weights)) {
    scores.push(unitScores(magnitudeScores(layer, weights.shape.hidden), layer.block.attention));
  }
  return scores;
}

/**
 * Checks that a baseline spends its budget: comparisons are at equal parameters.
 * @param step  least number of block parameters that the method can add
 * @throws EngineError `budget` when it does not
 */
export function assertSpends(spent: number, budget: number, step: number): void {
  if (spent <= budget && spent > budget - step) return;
  throw new EngineError('budget', {
    what: 'A baseline subnet',
    expected: `more than ${budget - step} and at most ${budget} block parameters`,
    found: `${spent}`,
    action: 'Choose another ratio, or leave this baseline out.',
    sentence: `A baseline has ${spent} block parameters; to be compared it needs more than ${budget - step} and at most ${budget}.`,
  });
}
