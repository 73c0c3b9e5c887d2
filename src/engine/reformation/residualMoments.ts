import type { InputStatistics } from '../calibration/statistics.ts';
import { centredMoments, rowTimes } from '../numeric/centring.ts';
import {
  complementOf,
  gatherEntries,
  gatherRows,
  type Indices,
  subMatrix,
} from '../numeric/gather.ts';
import { copyOf, type Matrix, matrixOf } from '../numeric/matrix.ts';
import { innerProduct } from '../numeric/symmetric.ts';
import type { Solver } from '../runtime/solver.ts';

/**
 * Second moments, over calibration tokens, of the kept inputs z of a linear map and of the
 * residual e = t − z·W that its present kept weights W leave of the target t.
 *
 * All that a refit needs to know: the change Δ of the weights is fitted to e, so damping shrinks
 * Δ, and Δ = 0 is the map as it was.
 */
export interface ResidualMoments {
  readonly tokens: number;
  /** Σ z zᵀ, [k, k] */
  readonly gram: Matrix;
  /** Σ z eᵀ, [k, H] */
  readonly residual: Matrix;
  /** Σ ‖e‖² */
  readonly energy: number;
  /** Σ z, [k] */
  readonly inputSum: Float64Array;
  /** Σ e, [H] */
  readonly residualSum: Float64Array;
}

/** Second moments of the kept inputs z and of any target t, as a calibration pass sums them. */
export interface TargetMoments {
  readonly tokens: number;
  /** Σ z zᵀ, [k, k] */
  readonly gram: Matrix;
  /** Σ z tᵀ, [k, H] */
  readonly cross: Matrix;
  /** Σ ‖t‖² */
  readonly targetEnergy: number;
  /** Σ z, [k] */
  readonly inputSum: Float64Array;
  /** Σ t, [H] */
  readonly targetSum: Float64Array;
}

/**
 * Moments of a target between two others, of the same inputs.
 * @param share  0 gives `from`, 1 gives `to`
 * @returns  exact but for the target's energy, which it bounds from above
 */
export function betweenTargets(
  from: TargetMoments,
  to: TargetMoments,
  share: number,
): TargetMoments {
  if (share === 1) return to;
  const mixed = (a: Float64Array, b: Float64Array): Float64Array =>
    a.map((value, i) => value + share * (b[i]! - value));
  return {
    ...to,
    cross: { ...to.cross, data: mixed(from.cross.data, to.cross.data) },
    targetSum: mixed(from.targetSum, to.targetSum),
    targetEnergy: (1 - share) * from.targetEnergy + share * to.targetEnergy,
  };
}

/**
 * Residual moments of a target that was measured, such as the dense model's output.
 *
 * The bias of the map belongs to the target or to the fit, the caller's choice: pass t − b when b
 * stays as it is, t when an intercept is to replace it.
 * @param moments  read only
 * @param kept  W, the present weights of the kept inputs, [k, H]
 * @throws EngineError `cancelled`
 */
export async function momentsOfTarget(
  moments: TargetMoments,
  kept: Matrix,
  solver: Solver,
  signal?: AbortSignal,
): Promise<ResidualMoments> {
  const { tokens, gram, cross, inputSum } = moments;
  const residual = copyOf(cross);
  await solver.subtractProduct(residual, gram, kept, signal);
  // ‖t − zW‖² = ‖t‖² − ⟨W, C⟩ − ⟨W, C − GW⟩.
  const energy = moments.targetEnergy - innerProduct(kept, cross) - innerProduct(kept, residual);
  const fitted = rowTimes(inputSum, kept);
  return {
    tokens,
    gram,
    residual,
    energy: Math.max(0, energy),
    inputSum,
    residualSum: moments.targetSum.map((sum, i) => sum - fitted[i]!),
  };
}

/**
 * Residual moments of the layer target: the old map on the inputs it now sees. The residual is
 * then the output of the removed inputs, e = z_P·W_P, and no target has to be measured.
 * @param statistics  of all n inputs
 * @param weight  the old map, row-major [n, H], prunable dimension first
 * @param kept  kept inputs, ascending
 * @throws EngineError `cancelled`
 * @source METHODS section 1.2
 */
export async function momentsOfLayer(
  statistics: InputStatistics,
  weight: Float32Array,
  kept: Indices,
  solver: Solver,
  signal?: AbortSignal,
): Promise<ResidualMoments> {
  const { width, tokens, sum } = statistics;
  const full = matrixOf(statistics.gram, width, width);
  const removed = complementOf(kept, width);
  const lost = gatherRows(weight, weight.length / width, removed);
  const residual = await solver.multiply(subMatrix(full, kept, removed), lost, signal);
  const among = await solver.multiply(subMatrix(full, removed, removed), lost, signal);
  return {
    tokens,
    gram: subMatrix(full, kept, kept),
    residual,
    energy: Math.max(0, innerProduct(lost, among)),
    inputSum: gatherEntries(sum, kept),
    residualSum: rowTimes(gatherEntries(sum, removed), lost),
  };
}

/**
 * Moments about the means, which is what a fit with an intercept sees.
 * @returns  moments whose sums are zero
 */
export function centred(moments: ResidualMoments): ResidualMoments {
  const { tokens, inputSum, residualSum } = moments;
  const lost = residualSum.reduce((sum, value) => sum + value ** 2, 0) / tokens;
  return {
    tokens,
    gram: centredMoments(moments.gram, inputSum, inputSum, tokens),
    residual: centredMoments(moments.residual, inputSum, residualSum, tokens),
    energy: Math.max(0, moments.energy - lost),
    inputSum: new Float64Array(inputSum.length),
    residualSum: new Float64Array(residualSum.length),
  };
}
