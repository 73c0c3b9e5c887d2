import type { Matrix } from '../numeric/matrix.ts';
import { gatherEntries, gatherRows, subMatrix } from '../numeric/gather.ts';
import type { Solver } from '../runtime/solver.ts';
import { admm } from './admm.ts';
import { chooseDamping } from './damping.ts';
import { leastSquares, remainingEnergy } from './leastSquares.ts';
import { momentsOfTarget, type ResidualMoments, type TargetMoments } from './residualMoments.ts';

/** One output map to be refitted. */
export interface MapToRefit {
  /** Names the map in messages, e.g. `block 3, down_proj`. */
  readonly what: string;
  /** The map before the refit, one row per input of the moments, [n, H]. */
  readonly weight: Matrix;
  /** Inputs that are kept, ascending; all of them unless the refit wants the removed ones too. */
  readonly kept: Uint32Array;
  /** Output bias before the refit, [H]; null when the model has none. */
  readonly bias: Float64Array | null;
}

/** A refitted output map. */
export interface Refitted {
  /** Kept rows, [kept, H] */
  readonly weight: Matrix;
  readonly bias: Float64Array | null;
}

/** What held-back tokens say of refitting a map. */
export interface RefitChoice {
  /**
   * The map fitted to the fitted tokens with the damping that was chosen, a fraction of the mean Gram
   * diagonal; null when no damping lowers the held-back error, so that the map is better as it is.
   */
  readonly refitted: (Refitted & { readonly damping: number }) | null;
  /**
   * Held-back error of the map before the refit, as a share of the target's energy (or the energy
   * itself when the target is zero).
   */
  readonly errorBefore: number;
  /** The same after the refit; never above `errorBefore`. */
  readonly errorAfter: number;
}

/** A way of refitting. */
export interface Refit {
  /** True when the moments must cover removed inputs too, as the paper's constrained problem does. */
  readonly wantsRemovedInputs: boolean;
  /**
   * Fits a map with each damping to the fitted tokens and keeps what does best on the held-back ones.
   * To leave the map as it is, infinite damping, is always one of the choices.
   */
  choose(
    map: MapToRefit,
    fitted: TargetMoments,
    heldBack: TargetMoments,
    signal?: AbortSignal,
  ): Promise<RefitChoice>;
  /** Fits a map with a damping that was chosen. */
  fit(
    map: MapToRefit,
    moments: TargetMoments,
    damping: number,
    signal?: AbortSignal,
  ): Promise<Refitted>;
}

/**
 * Exact damped least squares. A bias the model has anyway is fitted along.
 * @param dampings  fractions of the mean Gram diagonal to choose from
 * @source METHODS 1.2, 5 (ideas 2, 7, 8)
 */
export function leastSquaresRefit(solver: Solver, dampings: readonly number[]): Refit {
  return {
    wantsRemovedInputs: false,
    async choose({ what, weight, bias }, fitted, heldBack, signal) {
      const held = await momentsOfTarget(heldBack, weight, solver, signal);
      const before = energyUnder(held, bias);
      if (fitted.tokens === 0 || held.tokens === 0) return unchanged(before, heldBack);
      const options = { intercept: bias !== null, name: what, grid: dampings };
      const residuals = await momentsOfTarget(fitted, weight, solver, signal);
      const { best, fit } = await chooseDamping(residuals, held, options, solver, signal);
      const after = best.heldBackError * held.tokens;
      if (!(after < before)) return unchanged(before, heldBack);
      const data = weight.data.map((value, i) => value + fit.change.data[i]!);
      return {
        refitted: { weight: { ...weight, data }, bias: fit.bias ?? bias, damping: best.damping },
        errorBefore: shareOf(before, heldBack),
        errorAfter: shareOf(after, heldBack),
      };
    },
    async fit({ what, weight, bias }, moments, damping, signal) {
      const residuals = await momentsOfTarget(moments, weight, solver, signal);
      const options = { intercept: bias !== null, name: what, damping };
      const fit = await leastSquares(residuals, weight, options, solver, signal);
      return { weight: fit.weight, bias: fit.bias ?? bias };
    },
  };
}

/**
 * The paper's ADMM on the full-width problem with the mask as its constraint. The bias stays as it is.
 * @param options  `dampings` are tried one by one
 * @source METHODS 1.1, 1.2
 */
export function admmRefit(
  solver: Solver,
  options: {
    readonly rho: number;
    readonly iterations: number;
    readonly dampings: readonly number[];
  },
): Refit {
  const { rho, iterations, dampings } = options;
  const fit: Refit['fit'] = async (map, moments, damping, signal) => {
    const { what, weight, kept, bias } = map;
    const problem = { gram: moments.gram, cross: withoutBias(moments, bias), weight, kept };
    const settings = { rho, iterations, damping, name: what };
    return { weight: await admm(problem, settings, solver, signal), bias };
  };
  return {
    wantsRemovedInputs: true,
    async choose(map, fitted, heldBack, signal) {
      const { weight, kept, bias } = map;
      const old = gatherRows(weight.data, weight.columns, kept);
      const held = await momentsOfTarget(keptMoments(heldBack, kept), old, solver, signal);
      const before = energyUnder(held, bias);
      if (fitted.tokens === 0) return unchanged(before, heldBack);
      let best: RefitChoice['refitted'] = null;
      let least = before;
      for (const damping of dampings) {
        const refitted = await fit(map, fitted, damping, signal);
        const data = refitted.weight.data.map((value, i) => value - old.data[i]!);
        const energy = await remainingEnergy(
          held,
          { change: { ...old, data }, bias },
          solver,
          signal,
        );
        if (energy < least) [best, least] = [{ ...refitted, damping }, energy];
      }
      return {
        refitted: best,
        errorBefore: shareOf(before, heldBack),
        errorAfter: shareOf(least, heldBack),
      };
    },
    fit,
  };
}

function unchanged(energy: number, heldBack: TargetMoments): RefitChoice {
  const error = shareOf(energy, heldBack);
  return { refitted: null, errorBefore: error, errorAfter: error };
}
function shareOf(energy: number, { targetEnergy }: TargetMoments): number {
  return targetEnergy > 0 ? energy / targetEnergy : energy;
}

/** Σ ‖e − b‖² of residuals that still hold the bias. */
function energyUnder(moments: ResidualMoments, bias: Float64Array | null): number {
  if (bias === null) return moments.energy;
  const removed = bias.reduce(
    (sum, b, i) => sum + moments.tokens * b * b - 2 * b * (moments.residualSum[i] as number),
    0,
  );
  return Math.max(0, moments.energy + removed);
}

/** Zᵀ(T − b): the cross moments of a target from which the unchanged bias is taken off. */
function withoutBias(moments: TargetMoments, bias: Float64Array | null): Matrix {
  if (bias === null) return moments.cross;
  const { cross, inputSum } = moments;
  const data = cross.data.map(
    (value, at) =>
      value -
      (inputSum[Math.floor(at / cross.columns)] as number) * (bias[at % cross.columns] as number),
  );
  return { ...cross, data };
}

function keptMoments(moments: TargetMoments, kept: Uint32Array): TargetMoments {
  const { gram, cross, inputSum } = moments;
  return {
    ...moments,
    gram: subMatrix(gram, kept, kept),
    cross: gatherRows(cross.data, cross.columns, kept),
    inputSum: gatherEntries(inputSum, kept),
  };
}
