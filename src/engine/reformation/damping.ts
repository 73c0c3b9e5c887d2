import { EngineError } from '../../protocol/errors.ts';
import type { Solver } from '../runtime/solver.ts';
import { type Fit, fitResidual, type FitOptions, remainingEnergy } from './leastSquares.ts';
import type { ResidualMoments } from './residualMoments.ts';

/** One damping and how well it does. */
export interface DampingTrial {
  readonly damping: number;
  /** Mean squared error per held-back token after the refit, in squared units of the output. */
  readonly heldBackError: number;
}

/** The outcome of {@link chooseDamping}. */
export interface DampingChoice {
  /** The trial with the least held-back error; the larger damping when equal. */
  readonly best: DampingTrial;
  /** The refit of that trial. */
  readonly fit: Fit;
  /** Every trial, in the order of the grid. */
  readonly trials: readonly DampingTrial[];
}

/**
 * The damping whose refit does best on tokens it was not fitted to.
 *
 * Errors are computed from moments, in closed form: one factorisation, one solve and one product
 * per damping, no token is run again.
 * @param fitted  moments of the tokens that the trials are fitted to
 * @param heldBack  moments of other tokens, at least one, of the same weights
 * @param options  the grid, at least one damping, and the fit's other options
 * @throws EngineError `numeric` when a fit fails, `config` when the grid is empty, `cancelled`
 * @source METHODS section 5 item 7
 */
export async function chooseDamping(
  fitted: ResidualMoments,
  heldBack: ResidualMoments,
  options: Omit<FitOptions, 'damping'> & { readonly grid: readonly number[] },
  solver: Solver,
  signal?: AbortSignal,
): Promise<DampingChoice> {
  const trials: DampingTrial[] = [];
  let best: { readonly trial: DampingTrial; readonly fit: Fit } | undefined;
  for (const damping of options.grid) {
    const fit = await fitResidual(fitted, { ...options, damping }, solver, signal);
    const energy = await remainingEnergy(heldBack, fit, solver, signal);
    const trial = { damping, heldBackError: energy / heldBack.tokens };
    trials.push(trial);
    if (best === undefined || byError(trial, best.trial) < 0) best = { trial, fit };
  }
  if (best === undefined) throw emptyGrid(options.name);
  return { best: best.trial, fit: best.fit, trials };
}

function byError(a: DampingTrial, b: DampingTrial): number {
  return a.heldBackError - b.heldBackError || b.damping - a.damping;
}

function emptyGrid(name: string): EngineError {
  return new EngineError('config', {
    what: `${name}: the dampings to try`,
    expected: 'at least one',
    found: 'none',
    action: 'Give "reform.damping" a number, a list, or "auto".',
    sentence: `There is no damping to try for ${name}.`,
  });
}
