import { EngineError } from '../../protocol/errors.ts';
import { rowTimes } from '../numeric/centring.ts';
import { type Matrix, zeros } from '../numeric/matrix.ts';
import { innerProduct, meanDiagonal } from '../numeric/symmetric.ts';
import type { Solver } from '../runtime/solver.ts';
import { centred, type ResidualMoments } from './residualMoments.ts';

/** How a refit is damped, and what it is called in an error. */
export interface FitOptions {
  /** λ as a fraction of the mean diagonal of the Gram matrix; not negative. */
  readonly damping: number;
  /** Fit an output bias too. */
  readonly intercept: boolean;
  /** E.g. `block 3: down_proj`. */
  readonly name: string;
}

/** The change that a refit makes to a linear map. */
export interface Fit {
  /** Δ, to be added to the kept weights, [k, H] */
  readonly change: Matrix;
  /** With an intercept: the output bias that, with Δ, best leaves nothing of e, [H]; else null. */
  readonly bias: Float64Array | null;
  /** The absolute λ used: more than was asked for when the Gram matrix was singular under it. */
  readonly ridge: number;
}

/** A refitted linear map. */
export interface Refit {
  /** Kept weights, [k, H], prunable dimension first. */
  readonly weight: Matrix;
  /** As in {@link Fit}. */
  readonly bias: Float64Array | null;
  readonly ridge: number;
}

/**
 * Refits the kept weights of a linear map: the minimum of Σ‖t − z·W′ (− b)‖² + λ‖W′ − W‖², one
 * Cholesky and one solve.
 *
 * Deviation: the paper iterates ADMM for the same optimum (see `admm.ts`) and its code damps by
 * 0.1; here the ridge is centred on the dense kept weights, so no damping ever shrinks the map
 * towards zero, and is chosen on held-out tokens (see `damping.ts`).
 * @param moments  of the kept inputs and what W leaves of the target
 * @param kept  W, [k, H]; read only
 * @throws EngineError `numeric` when the moments are not finite or cannot be factored, `cancelled`
 * @source METHODS section 1.2 and section 5 items 2, 7 and 8
 */
export async function leastSquares(
  moments: ResidualMoments,
  kept: Matrix,
  options: FitOptions,
  solver: Solver,
  signal?: AbortSignal,
): Promise<Refit> {
  const { change, bias, ridge } = await fitResidual(moments, options, solver, signal);
  const data = kept.data.map((value, i) => value + change.data[i]!);
  return { weight: { ...kept, data }, bias, ridge };
}

/**
 * The change of {@link leastSquares} alone: Δ = (G + λI)⁻¹·R, of the centred moments with an
 * intercept, whose bias is then ē − z̄·Δ.
 * @throws EngineError as {@link leastSquares}
 */
export async function fitResidual(
  moments: ResidualMoments,
  options: FitOptions,
  solver: Solver,
  signal?: AbortSignal,
): Promise<Fit> {
  const { gram, residual } = options.intercept ? centred(moments) : moments;
  const ridge = options.damping * meanDiagonal(gram);
  // No kept input, or none that ever moved: nothing can be fitted but the intercept.
  const solved =
    meanDiagonal(gram) === 0
      ? { change: zeros(residual.rows, residual.columns), ridge }
      : await solveChange(gram, residual, ridge, options.name, solver, signal);
  if (!solved.change.data.every(Number.isFinite)) throw notFinite(options.name);
  return { ...solved, bias: options.intercept ? interceptOf(moments, solved.change) : null };
}

/**
 * What a fit leaves: Σ‖e − z·Δ − b‖² over the tokens of `moments`, from moments alone. With other
 * tokens than the fit's this is its held-out error.
 * @throws EngineError `numeric` when the moments are not numbers, `cancelled`
 */
export async function remainingEnergy(
  moments: ResidualMoments,
  { change, bias }: Pick<Fit, 'change' | 'bias'>,
  solver: Solver,
  signal?: AbortSignal,
): Promise<number> {
  let energy = moments.energy - 2 * innerProduct(change, moments.residual);
  if (change.rows > 0) {
    energy += innerProduct(change, await solver.multiply(moments.gram, change, signal));
  }
  if (bias !== null) {
    const fitted = rowTimes(moments.inputSum, change);
    for (const [i, value] of bias.entries()) {
      energy += moments.tokens * value ** 2 - 2 * value * (moments.residualSum[i]! - fitted[i]!);
    }
  }
  if (Number.isNaN(energy)) throw notFinite('The moments of a reform');
  return Math.max(0, energy);
}

async function solveChange(
  gram: Matrix,
  residual: Matrix,
  ridge: number,
  name: string,
  solver: Solver,
  signal: AbortSignal | undefined,
): Promise<Pick<Fit, 'change' | 'ridge'>> {
  const what = `${name} (Gram matrix of its kept inputs)`;
  const factor = await solver.factor(gram, { ridge, what }, signal);
  return { change: await factor.solve(residual, signal), ridge: factor.ridge };
}

/** ē − z̄·Δ, [H]. */
function interceptOf(moments: ResidualMoments, change: Matrix): Float64Array {
  const fitted = rowTimes(moments.inputSum, change);
  return moments.residualSum.map((sum, i) => (sum - fitted[i]!) / moments.tokens);
}

function notFinite(name: string): EngineError {
  return new EngineError('numeric', {
    what: name,
    expected: 'finite numbers from a least-squares fit',
    found: 'NaN or infinity',
    action: 'Check the model and the calibration text: the activations overflow.',
    sentence: `The least-squares fit holds NaN or infinity: ${name}.`,
  });
}
