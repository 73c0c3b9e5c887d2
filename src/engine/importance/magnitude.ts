import type { LayerWeights, Linear } from '../checkpoint/modelWeights.ts';
import type { LinearScores } from './linearScores.ts';
import { ones, squaredRowSums } from './rowSums.ts';

/**
 * Magnitude scores: Σ W² of each prunable row. Needs no calibration.
 * @param hidden  H, the columns of every weight
 * @source METHODS section 3.2
 */
export function magnitudeScores(weights: LayerWeights, hidden: number): LinearScores {
  const scale = ones(hidden);
  const score = (linear: Linear): Float64Array => squaredRowSums(linear.weight, scale);
  return {
    q: score(weights.q),
    k: score(weights.k),
    v: score(weights.v),
    o: score(weights.o),
    gate: weights.gate === null ? null : score(weights.gate),
    up: score(weights.up),
    down: score(weights.down),
  };
}
