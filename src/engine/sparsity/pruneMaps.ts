import type { ModelShape } from '../model/modelShape.ts';
import type { LayerWeights, Linear } from '../checkpoint/modelWeights.ts';
import { matrixOf } from '../numeric/matrix.ts';
import type { Solver } from '../runtime/solver.ts';
import type { SolverGemm } from '../runtime/solverGemm.ts';
import { type HeldBackFit, refitHeldBack, type SplitMoments } from './heldBackRefit.ts';
import { asStored, flagsInputsFirst, inputsFirst, maskAsStored } from './inputsFirst.ts';
import { type InverseRoot, inverseRoot } from './inverseRoot.ts';
import { isOutputMap, type LinearName } from '../model/block.ts';
import type { SparsityMethod } from './method.ts';
import type { Pattern, Remainder } from './pattern.ts';
import { type ScoreHistogram, scoreHistogram } from './scoreHistogram.ts';
import { maskOf, scoreMap } from './scoreMap.ts';
import { sparseGptSweep } from './sparseGpt.ts';
import type { SublayerStatistics } from './sublayerStatistics.ts';
import { masked, type WeightMask } from './weightMask.ts';

/** Native arithmetic that pruning uses. */
export interface PruneTools {
  readonly solver: Solver;
  readonly gemm: SolverGemm;
}

/** The maps of one sublayer to be made sparse. */
export interface MapsToPrune {
  /** E.g. `block 3`. */
  readonly block: string;
  readonly shape: ModelShape;
  /** The block before pruning; of the maps to be pruned nothing but the rows that are kept. */
  readonly layer: LayerWeights;
  readonly statistics: SublayerStatistics | null;
  readonly method: SparsityMethod;
  readonly pattern: Pattern;
  readonly remainder: Remainder;
  /** Also counts the scores that choose the masks. */
  readonly histograms: boolean;
}

/** One sparse map. */
export interface PrunedMap {
  readonly linear: Linear;
  readonly mask: WeightMask;
  /** Null unless asked for, and of a rule whose scores change while it works. */
  readonly scores: ScoreHistogram | null;
}

/**
 * Makes maps of one input sparse: chooses their masks and, where the rule does, updates what stays.
 * @param names  maps that read the same input, e.g. gate and up
 * @throws EngineError `config`, `numeric`, `cancelled`
 */
export async function pruneMaps(
  from: MapsToPrune,
  names: readonly LinearName[],
  tools: PruneTools,
  signal?: AbortSignal,
): Promise<ReadonlyMap<LinearName, PrunedMap>> {
  const { layer, method } = from;
  const pruned = new Map<LinearName, PrunedMap>();
  let root: InverseRoot | null = null;
  for (const name of names) {
    const linear = layer[name];
    if (linear === null) continue;
    if (method.rule === 'sparsegpt') {
      root ??= await rootOf(from, name, tools, signal);
      pruned.set(name, await swept(from, { name, linear, root }, tools, signal));
    } else {
      const map = scoreMap({ ...from, name }, method.rule, method.alpha);
      const mask = maskOf(map, from.pattern, from.remainder);
      const scores = from.histograms ? scoreHistogram(map.scored, mask) : null;
      pruned.set(name, {
        mask,
        scores,
        linear: { ...linear, weight: masked(linear.weight, mask) },
      });
    }
  }
  return pruned;
}

/** A refitted map and how well it fits. */
export interface RefittedMap extends PrunedMap {
  readonly fit: HeldBackFit;
}

/**
 * Gives a sparse map the best weights on its mask, as far as held-back tokens gain by them.
 * @param original  the map before pruning, which the ridge pulls towards
 * @throws EngineError `numeric`, `cancelled`
 */
export async function refitMap(
  { block, shape, method }: MapsToPrune,
  map: { readonly name: LinearName; readonly original: Linear; readonly pruned: PrunedMap },
  moments: SplitMoments,
  { solver }: PruneTools,
  signal?: AbortSignal,
): Promise<RefittedMap> {
  const { name, original, pruned } = map;
  const fit = await refitHeldBack(
    {
      what: `${block}, ${name}_proj`,
      weight: inputsFirst(name, original, shape.hidden),
      flags: flagsInputsFirst(name, pruned.mask),
      start: inputsFirst(name, pruned.linear, shape.hidden),
    },
    moments,
    method.refit!,
    solver,
    signal,
  );
  const linear = { ...pruned.linear, weight: asStored(name, fit.weight) };
  return { ...pruned, linear, fit };
}

async function rootOf(
  { block, statistics, method }: MapsToPrune,
  name: LinearName,
  { gemm }: PruneTools,
  signal: AbortSignal | undefined,
): Promise<InverseRoot> {
  const input = statistics![isOutputMap(name) ? 'inner' : 'normed'];
  const gram = matrixOf(input.gram!, input.squares.length, input.squares.length);
  const what = `${block}, input of ${name}_proj`;
  return inverseRoot(gemm, gram, { damping: method.damping, what }, signal);
}

async function swept(
  { block, shape, pattern, remainder }: MapsToPrune,
  map: { readonly name: LinearName; readonly linear: Linear; readonly root: InverseRoot },
  { gemm }: PruneTools,
  signal: AbortSignal | undefined,
): Promise<PrunedMap> {
  const { name, linear, root } = map;
  const weight = inputsFirst(name, linear, shape.hidden);
  const options = { pattern, remainder, what: `${block}, ${name}_proj` };
  const result = await sparseGptSweep(gemm, weight, root, options, signal);
  return {
    linear: { ...linear, weight: asStored(name, result.weight) },
    mask: maskAsStored(name, result.flags, weight.rows, weight.columns),
    scores: null,
  };
}
