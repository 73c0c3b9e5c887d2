import type { Matrix } from '../numeric/matrix.ts';
import { gatherEntries, gatherRows, subMatrix } from '../numeric/gather.ts';
import type { Solver } from '../runtime/solver.ts';
import { admm } from './admm.ts';
import { chooseDamping } from './damping.ts';
import { leastSquares, remainingEnergy } from './leastSquares.ts';
import {
  merged,
  mergedTargets,
  momentsOfTarget,
  type ResidualMoments,
  type TargetMoments,
} from './residualMoments.ts';

/** One output map to be refitted. */
export interface RefitProblem {
  /** Names the map in messages, e.g. `block 3, down_proj`. */
  readonly what: string;
  readonly train: TargetMoments;
  /** Moments of tokens that are not trained on, for choosing the damping. */
  readonly heldout: TargetMoments;
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
  /**
   * Damping that was chosen, a fraction of the mean Gram diagonal; null when none lowered the
   * held-out error, so that the old map was kept.
   */
  readonly damping: number | null;
  /**
   * Held-out error of the map before the refit, as a share of the target's energy (or the energy
   * itself when the target is zero).
   */
  readonly errorBefore: number;
  /** The same after the refit to the training tokens; never above `errorBefore`. */
  readonly errorAfter: number;
}

/** A way of refitting. */
export interface Refit {
  /** True when the moments must cover removed inputs too, as the paper's constrained problem does. */
  readonly wantsRemovedInputs: boolean;
  fit(problem: RefitProblem, signal?: AbortSignal): Promise<Refitted>;
}

/**
 * Exact damped least squares: the damping is chosen on held-out tokens, then all tokens are fitted.
 * A bias the model has anyway is fitted along. When no damping does better on them than the map as
 * it is, that map is kept: infinite damping is always one of the choices.
 * @param dampings  fractions of the mean Gram diagonal to choose from
 * @source METHODS 1.2, 5 (ideas 2, 7, 8)
 */
export function leastSquaresRefit(solver: Solver, dampings: readonly number[]): Refit {
  return {
    wantsRemovedInputs: false,
    async fit({ what, train, heldout, weight, bias }, signal) {
      const trained = await momentsOfTarget(train, weight, solver, signal);
      const held = await momentsOfTarget(heldout, weight, solver, signal);
      const options = { intercept: bias !== null, name: what };
      const { best } = await chooseDamping(
        trained,
        held,
        { ...options, grid: dampings },
        solver,
        signal,
      );
      const { damping } = best;
      const before = energyUnder(held, bias);
      const after = best.heldOutError * held.tokens;
      if (!(after < before)) return unchanged(weight, bias, before, heldout);
      const everything = train === heldout ? trained : merged(trained, held);
      const fit = await leastSquares(everything, weight, { ...options, damping }, solver, signal);
      return {
        ...{ weight: fit.weight, bias: fit.bias ?? bias, damping },
        errorBefore: shareOf(before, heldout),
        errorAfter: shareOf(after, heldout),
      };
    },
  };
}

/**
 * The paper's ADMM on the full-width problem with the mask as its constraint. As with
 * {@link leastSquaresRefit}, the damping is chosen on held-out tokens, all tokens are fitted with
 * it, and a map that no damping improves is kept. The bias stays as it is.
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
  return {
    wantsRemovedInputs: true,
    async fit(problem, signal) {
      const { what, train, heldout, weight, kept, bias } = problem;
      const old = gatherRows(weight.data, weight.columns, kept);
      const held = await momentsOfTarget(keptMoments(heldout, kept), old, solver, signal);
      const before = energyUnder(held, bias);
      const fitTo = (moments: TargetMoments, damping: number): Promise<Matrix> =>
        admm(
          { gram: moments.gram, cross: withoutBias(moments, bias), weight, kept },
          { rho, iterations, damping, name: what },
          solver,
          signal,
        );
      let best: { readonly weight: Matrix; readonly damping: number } | undefined;
      let least = before;
      for (const damping of dampings) {
        const fitted = await fitTo(train, damping);
        const change = { ...fitted, data: fitted.data.map((value, i) => value - old.data[i]!) };
        const energy = await remainingEnergy(held, { change, bias }, solver, signal);
        if (energy < least) [best, least] = [{ weight: fitted, damping }, energy];
      }
      if (best === undefined) return unchanged(old, bias, before, heldout);
      const { damping } = best;
      return {
        weight:
          train === heldout ? best.weight : await fitTo(mergedTargets(train, heldout), damping),
        ...{ bias, damping },
        errorBefore: shareOf(before, heldout),
        errorAfter: shareOf(least, heldout),
      };
    },
  };
}

function unchanged(
  weight: Matrix,
  bias: Float64Array | null,
  energy: number,
  heldout: TargetMoments,
): Refitted {
  const error = shareOf(energy, heldout);
  return { weight, bias, damping: null, errorBefore: error, errorAfter: error };
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
