import { EngineError } from '../../protocol/errors.ts';
import type { ModelShape } from '../model/modelShape.ts';
import { eachBlock, type WeightSource } from '../checkpoint/weightSource.ts';
import { magnitudeScores } from '../importance/magnitude.ts';
import { unitScores } from '../importance/unitScores.ts';
import { initialSubnet } from '../search/baseline.ts';
import { countParameters } from '../model/cost.ts';
import type { LayerScores, Subnet } from '../model/subnet.ts';
import { groupCosts } from './groupMask.ts';

/** A structured baseline: a subnet, with the weights it is to be used with. */
export interface StructuredCandidate {
  readonly weights: WeightSource;
  readonly subnet: Subnet;
  /** Parameters added to the blocks, beside those of the subnet: output biases. */
  readonly extraParameters: number;
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
  return { weights, subnet, extraParameters: 0 };
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
 * Checks that a baseline spends its budget to the last neuron: comparisons are at equal parameters.
 * @param shape  of the source model: a candidate that gained biases counts these as extra
 * @throws EngineError `budget` when it does not
 */
export function assertSpends(shape: ModelShape, made: StructuredCandidate, budget: number): void {
  const spent = countParameters(shape, made.subnet).block + made.extraParameters;
  const { mlp } = groupCosts(shape);
  if (spent <= budget && spent > budget - mlp) return;
  throw new EngineError('budget', {
    what: 'A baseline subnet',
    expected: `more than ${budget - mlp} and at most ${budget} block parameters`,
    found: `${spent}`,
    action: 'Choose another ratio, or leave this baseline out.',
    sentence: `A baseline has ${spent} block parameters; to be compared it needs more than ${budget - mlp} and at most ${budget}.`,
  });
}
