import { EngineError } from '../../protocol/errors.ts';
import type { Solver } from '../runtime/solver.ts';
import { fitResidual, type FitOptions, remainingEnergy } from './leastSquares.ts';
import type { ResidualMoments } from './residualMoments.ts';

/** Dampings tried when none is given, fractions of the mean Gram diagonal. METHODS 5 item 7. */
export const DAMPING_GRID: readonly number[] = [1e-4, 1e-3, 1e-2, 1e-1, 1];

/** One damping and how well it does. */
export interface DampingTrial {
  readonly damping: number;
  /** Mean squared error per held-out token after the refit, in squared units of the output. */
  readonly heldOutError: number;
}

/** The outcome of {@link chooseDamping}. */
export interface DampingChoice {
  /** The trial with the least held-out error; the larger damping when equal. */
  readonly best: DampingTrial;
  /** Every trial, in the order of the grid. */
  readonly trials: readonly DampingTrial[];
  /** The held-out error of the weights as they are; a refit worth making is below it. */
  readonly unreformedError: number;
}

/**
 * The damping whose refit does best on tokens it was not fitted to.
 *
 * Errors are computed from moments, in closed form: one factorisation, one solve and one product
 * per damping, no token is run again. With the choice made, refit on the merged moments.
 * @param train  moments the trials are fitted to
 * @param heldOut  moments of disjoint tokens, of the same weights
 * @param options  the grid, at least one damping, and the fit's other options
 * @throws EngineError `numeric` when a fit fails, `config` when the grid is empty, `cancelled`
 * @source METHODS section 5 item 7
 */
export async function chooseDamping(
  train: ResidualMoments,
  heldOut: ResidualMoments,
  options: Omit<FitOptions, 'damping'> & { readonly grid: readonly number[] },
  solver: Solver,
  signal?: AbortSignal,
): Promise<DampingChoice> {
  const trials: DampingTrial[] = [];
  for (const damping of options.grid) {
    const fit = await fitResidual(train, { ...options, damping }, solver, signal);
    const energy = await remainingEnergy(heldOut, fit, solver, signal);
    trials.push({ damping, heldOutError: energy / heldOut.tokens });
  }
  const best = trials.toSorted(byError)[0];
  if (best === undefined) throw emptyGrid(options.name);
  return { best, trials, unreformedError: heldOut.energy / heldOut.tokens };
}

function byError(a: DampingTrial, b: DampingTrial): number {
  return a.heldOutError - b.heldOutError || b.damping - a.damping;
}

function emptyGrid(name: string): EngineError {
  return new EngineError('config', {
    what: `${name}: the dampings to try`,
    expected: 'at least one',
    found: 'none',
    action: 'Give "reform.damping" a number, a list, or "auto".',
  });
}
