import { type Matrix } from '../numeric/matrix.ts';
import { innerProduct } from '../numeric/symmetric.ts';
import type { Solver } from '../runtime/solver.ts';
import { refitOnSupport, type SupportOptions, type SupportProblem } from './supportRefit.ts';

/** Moments of the inputs of a map and of its target, as in {@link SupportProblem}. */
export type RefitMoments = Pick<SupportProblem, 'gram' | 'cross' | 'targetEnergy'>;

/** Moments of tokens that are fitted, and of others that judge the fit. */
export interface SplitMoments {
  readonly fitted: RefitMoments;
  readonly held: RefitMoments;
  /** What is accepted is fitted again to both. */
  readonly refitsAll: boolean;
}

/** A map to be refitted on its support: a {@link SupportProblem} without its moments. */
export type SupportMap = Omit<SupportProblem, keyof RefitMoments> & {
  /** What the refit has to beat: the weights as they were cut, zero off the support. */
  readonly start: Matrix;
};

/** Weights on the way from the cut to the refitted ones. */
export interface HeldBackFit {
  /** [n, outputs], zero off the support */
  readonly weight: Matrix;
  /** Share of the way that is accepted, 0 to 1. */
  readonly step: number;
  /** Σ‖t − z·W‖² / Σ‖t‖² of the cut weights on the held-back tokens. */
  readonly errorBefore: number;
  /** The same of that step of a refit to the other tokens; never above `errorBefore`. */
  readonly errorAfter: number;
}

/**
 * Refits a map on its support as far as held-back tokens gain by it. The error along the way from the
 * cut to the refitted weights is a parabola, so the best step is known from three products.
 * @throws EngineError `numeric` when the moments are not finite, `cancelled`
 */
export async function refitHeldBack(
  map: SupportMap,
  { fitted, held, refitsAll }: SplitMoments,
  options: SupportOptions,
  solver: Solver,
  signal?: AbortSignal,
): Promise<HeldBackFit> {
  const { start } = map;
  const trial = (await refitOnSupport({ ...map, ...fitted }, options, solver, signal)).weight;
  const goal = held.cross ?? (await solver.multiply(held.gram, map.weight, signal));
  const energy = held.cross === null ? innerProduct(map.weight, goal) : held.targetEnergy;
  const residual = combined(goal, await solver.multiply(held.gram, start, signal), -1);
  const change = combined(trial, start, -1);
  const gain = innerProduct(change, residual);
  const bend = innerProduct(change, await solver.multiply(held.gram, change, signal));
  const step = gain > 0 && bend > 0 ? Math.min(1, gain / bend) : 0;
  const error = energy - innerProduct(start, goal) - innerProduct(start, residual);
  const scale = energy > 0 ? energy : 1;
  const errors = {
    errorBefore: error / scale,
    errorAfter: (error - 2 * step * gain + step ** 2 * bend) / scale,
  };
  if (step === 0) return { weight: start, step, ...errors };
  if (!refitsAll) return { weight: combined(start, change, step), step, ...errors };
  const all = { ...map, ...added(fitted, held), start: trial };
  // The trial is close, so a third of the steps brings as much.
  const fewer = { ...options, iterations: Math.ceil(options.iterations / 3) };
  const { weight } = await refitOnSupport(all, fewer, solver, signal);
  return { weight: combined(start, combined(weight, start, -1), step), step, ...errors };
}

function added(a: RefitMoments, b: RefitMoments): RefitMoments {
  return {
    gram: combined(a.gram, b.gram, 1),
    cross: a.cross === null || b.cross === null ? null : combined(a.cross, b.cross, 1),
    targetEnergy: a.targetEnergy + b.targetEnergy,
  };
}

/** a + factor · b */
function combined(a: Matrix, b: Matrix, factor: number): Matrix {
  return { ...a, data: a.data.map((value, i) => value + factor * b.data[i]!) };
}
