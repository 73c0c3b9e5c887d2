import type { InputStatistics, LayerStatistics } from '../calibration/statistics.ts';
import type { LayerWeights, Linear } from '../checkpoint/modelWeights.ts';
import { matrixOf } from '../numeric/matrix.ts';
import { diagonalOf } from '../numeric/symmetric.ts';
import type { LinearScores } from './linearScores.ts';
import { absoluteRowSums, ones, products } from './rowSums.ts';

/**
 * Wanda scores |W|·‖x‖₂, summed over each prunable row.
 *
 * ‖x‖₂ is the norm of an input feature over all calibration tokens. An output feature of q, k, v,
 * gate or up sums over its inputs, Σ_j |W_ij|·‖x_j‖; an input feature j of o or down is one input
 * to all outputs, ‖x_j‖·Σ_i |W_ij|.
 * @source METHODS section 3.2
 */
export function wandaScores(weights: LayerWeights, statistics: LayerStatistics): LinearScores {
  const attention = inputNorms(statistics.attentionInput);
  const mlp = inputNorms(statistics.mlpInput);
  const everyOutput = ones(attention.length);
  const outputRows = ({ weight }: Linear, norms: Float64Array): Float64Array =>
    absoluteRowSums(weight, norms);
  const inputRows = ({ weight }: Linear, norms: Float64Array): Float64Array =>
    products(absoluteRowSums(weight, everyOutput), norms);
  return {
    q: outputRows(weights.q, attention),
    k: outputRows(weights.k, attention),
    v: outputRows(weights.v, attention),
    o: inputRows(weights.o, inputNorms(statistics.context)),
    gate: weights.gate === null ? null : outputRows(weights.gate, mlp),
    up: outputRows(weights.up, mlp),
    down: inputRows(weights.down, inputNorms(statistics.hidden)),
  };
}

/** ‖x_j‖₂ over the calibration tokens, [n]. */
function inputNorms({ gram, width }: InputStatistics): Float64Array {
  return diagonalOf(matrixOf(gram, width, width)).map(Math.sqrt);
}
