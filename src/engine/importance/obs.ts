import type { InputStatistics, LayerStatistics } from '../calibration/statistics.ts';
import type { LayerWeights, Linear } from '../checkpoint/modelWeights.ts';
import { matrixOf } from '../numeric/matrix.ts';
import { diagonalOf, meanDiagonal } from '../numeric/symmetric.ts';
import type { Solver } from '../runtime/solver.ts';
import type { LinearScores } from './linearScores.ts';
import { ones, products, squaredRowSums } from './rowSums.ts';

/** How the curvature is damped, and what the block is called in an error. */
export interface ObsOptions {
  /** Added to the diagonal of the Gram matrix, as a fraction of its mean; positive. */
  readonly damping: number;
  /** E.g. `block 3`. */
  readonly name: string;
}

/**
 * Optimal-brain-surgeon scores: the squared error that removing one weight alone would cost,
 * Φ_ij = W_ij² / [(2XXᵀ + λI)⁻¹]_jj, summed over each prunable row.
 *
 * Four factorisations, one per distinct input; each is freed before the next.
 *
 * Deviation: the paper writes no damping; λ is `damping` times the mean diagonal of 2XXᵀ, the
 * SparseGPT convention. A dead input (zero Gram diagonal) counts as weight 0, likewise.
 * @throws EngineError `numeric` when a Gram matrix cannot be factored; `cancelled`
 * @source Shen et al. 2024 (arXiv 2409.17372), equation 1; METHODS sections 1.1 and 2
 */
export async function obsScores(
  weights: LayerWeights,
  statistics: LayerStatistics,
  options: ObsOptions,
  solver: Solver,
  signal: AbortSignal | undefined,
): Promise<LinearScores> {
  const curvature = (input: InputStatistics, what: string): Promise<Float64Array> =>
    inverseCurvature(input, { ...options, name: `${options.name}: ${what}` }, solver, signal);
  const attention = await curvature(statistics.attentionInput, 'attention input');
  const context = await curvature(statistics.context, 'input of o_proj');
  const mlp = await curvature(statistics.mlpInput, 'MLP input');
  const hidden = await curvature(statistics.hidden, 'input of down_proj');

  const everyOutput = ones(attention.length);
  const outputRows = ({ weight }: Linear, scale: Float64Array): Float64Array =>
    squaredRowSums(weight, scale);
  const inputRows = ({ weight }: Linear, scale: Float64Array): Float64Array =>
    products(squaredRowSums(weight, everyOutput), scale);
  return {
    q: outputRows(weights.q, attention),
    k: outputRows(weights.k, attention),
    v: outputRows(weights.v, attention),
    o: inputRows(weights.o, context),
    gate: weights.gate === null ? null : outputRows(weights.gate, mlp),
    up: outputRows(weights.up, mlp),
    down: inputRows(weights.down, hidden),
  };
}

/**
 * 1 / [(2G + λI)⁻¹]_jj for every input j, [n]; 0 for a dead one.
 *
 * (2G + λI)⁻¹ = ½ (G + λ/2·I)⁻¹, so the undoubled Gram matrix is factored as it is.
 */
async function inverseCurvature(
  input: InputStatistics,
  options: ObsOptions,
  solver: Solver,
  signal: AbortSignal | undefined,
): Promise<Float64Array> {
  const gram = matrixOf(input.gram, input.width, input.width);
  const energies = diagonalOf(gram);
  const mean = meanDiagonal(gram);
  if (mean === 0) return new Float64Array(input.width);
  const factor = await solver.factor(
    gram,
    { ridge: options.damping * mean, what: `${options.name} (Gram matrix)` },
    signal,
  );
  const diagonal = await factor.inverseDiagonal(signal);
  return diagonal.map((value, j) => (energies[j] === 0 ? 0 : 2 / value));
}
