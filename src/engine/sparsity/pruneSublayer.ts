import type { LayerWeights, Linear } from '../checkpoint/modelWeights.ts';
import type { MapChanges } from '../checkpoint/weightSource.ts';
import type { ForwardPass } from '../graphs/forwardPass.ts';
import { blockOf, isOutputMap, type LinearName, MAPS } from '../model/block.ts';
import { sublayerRows } from '../model/rows.ts';
import { type Matrix, matrixOf } from '../numeric/matrix.ts';
import type { TokenSplit } from '../reformation/heldBack.ts';
import type { TargetMoments } from '../reformation/residualMoments.ts';
import { lookAt } from '../passes/statistics.ts';
import type { Here } from '../passes/walk.ts';
import { gatherMoments } from '../reformation/sublayerMoments.ts';
import { releaseTensors } from '../runtime/deviceTensors.ts';
import { attentionStatistics } from './attentionStatistics.ts';
import { compactLayer, scattered } from './compactMaps.ts';
import type { RefitMoments, SplitMoments } from './heldBackRefit.ts';
import { type SparsityMethod, wishOf } from './method.ts';
import { mlpStatistics } from './mlpProbe.ts';
import type { Pattern, Remainder } from './pattern.ts';
import {
  type MapsToPrune,
  type PrunedMap,
  pruneMaps,
  type PruneTools,
  refitMap,
} from './pruneMaps.ts';
import type { ScoreHistogram } from './scoreHistogram.ts';
import { assertUsable, type SublayerStatistics } from './sublayerStatistics.ts';
import type { WeightMask } from './weightMask.ts';

/** One sublayer to be made sparse, where a walk stands. */
export interface SublayerToPrune extends Here {
  readonly forward: ForwardPass;
  readonly tools: PruneTools;
  readonly method: SparsityMethod;
  readonly pattern: Pattern;
  /** E.g. `block 3`. */
  readonly block: string;
  readonly remainder: Remainder;
  /** Also counts the scores that choose the masks. */
  readonly histograms: boolean;
  /** Tokens that refits are fitted to, and those that judge them. */
  readonly split: TokenSplit;
  readonly signal?: AbortSignal;
}

/** A sparse sublayer. */
export interface PrunedSublayer {
  /** Its new maps. */
  readonly maps: MapChanges;
  /** The same with the weights that the rule left, before they were refitted; null where none is. */
  readonly cut: MapChanges | null;
  /** Of the rows that are kept. */
  readonly masks: Readonly<Partial<Record<LinearName, WeightMask>>>;
  readonly scores: Readonly<Partial<Record<LinearName, ScoreHistogram>>>;
  readonly refits: readonly RefitRecord[];
  /** Of the sublayer before it was pruned; null for a method that looks at none. */
  readonly statistics: SublayerStatistics | null;
}

/** How a refit went, on held-back tokens. */
export interface RefitRecord {
  readonly name: LinearName;
  /** Share of the change that was accepted; 0 where the cut weights stay. */
  readonly step: number;
  /** Σ‖t − z·W‖² of the weights cut to the mask, as a share of Σ‖t‖². */
  readonly before: number;
  /** The same with the refitted weights; never above `before`, and equal where it was rejected. */
  readonly after: number;
}

/**
 * Makes the maps of one sublayer sparse: first those that read its input, then its output map, which
 * a refit fits to the inputs that the others now give it. All of it works on the rows that the mask
 * keeps, as they will lie in an export; the forward pass gathers them from the whole block. The output
 * map is fitted to the walk's reference, or without one to what the sublayer itself would produce.
 * @throws EngineError `config`, `numeric`, `cancelled`
 */
export async function pruneSublayer(from: SublayerToPrune): Promise<PrunedSublayer> {
  const { kind, method, tools, signal } = from;
  const statistics = await statisticsOf(from);
  const { shape } = from.forward;
  const rows = sublayerRows(blockOf(shape, from.index), kind, from.mask);
  const compact = compactLayer(from.layer, rows, shape.hidden);
  const work: MapsToPrune = { ...from, layer: compact, shape, statistics };
  const inputMaps = MAPS[kind].filter((name) => !isOutputMap(name));
  const outputMaps = MAPS[kind].filter(isOutputMap);
  const pruned = new Map(await pruneMaps(work, inputMaps, tools, signal));
  const cut = new Map(pruned);
  const refits: RefitRecord[] = [];
  if (method.refit !== null) {
    const [fitted, held] = statistics!.normedSets.map(ownOutput);
    const { refitsAll } = from.split;
    const moments = { fitted: fitted!, held: held!, refitsAll };
    await refitAll(work, pruned, moments, { tools, refits, signal });
  }
  const layer = scattered(from.layer, linearsOf(pruned), rows, shape.hidden);
  const output = new Map(await pruneMaps(work, outputMaps, tools, signal));
  for (const [name, map] of output) cut.set(name, map);
  if (method.refit !== null) {
    const moments = await outputMoments({ ...from, layer }, from.layer);
    await refitAll(work, output, moments, { tools, refits, signal });
  }
  const all = [...pruned, ...output];
  const changed = (before: LayerWeights, maps: Map<LinearName, PrunedMap>): MapChanges => {
    const after = scattered(before, linearsOf(maps), rows, shape.hidden);
    return Object.fromEntries(all.map(([name]) => [name, after[name]!]));
  };
  return {
    maps: changed(layer, output),
    cut: method.refit === null ? null : changed(from.layer, cut),
    masks: Object.fromEntries(all.map(([name, { mask }]) => [name, mask])),
    scores: Object.fromEntries(
      all.flatMap(([name, { scores }]) => (scores === null ? [] : [[name, scores]])),
    ),
    refits,
    statistics,
  };
}

/** Statistics of the sublayer as it is; null for a method that looks at none. */
async function statisticsOf(from: SublayerToPrune): Promise<SublayerStatistics | null> {
  const { forward, kind, block, split, signal } = from;
  const rule = wishOf(from.method);
  if (rule === null) return null;
  const wish = { ...rule, sets: from.method.refit === null ? [] : [split.fitted, split.held] };
  const collecting = attentionStatistics(forward, from, wish);
  let statistics: SublayerStatistics;
  if (kind === 'attention') {
    await lookAt(forward, from, collecting.statistics, signal);
    statistics = collecting.result();
  } else {
    statistics = await mlpStatistics(forward, from, wish, signal);
  }
  const last = kind === 'mlp' ? 'down' : 'o';
  const narrowed = from.remainder === 'padded';
  assertUsable(`${block}, input of the ${kind} sublayer`, statistics.normed);
  assertUsable(`${block}, input of ${last}_proj`, statistics.inner, narrowed);
  return statistics;
}

async function refitAll(
  work: MapsToPrune,
  maps: Map<LinearName, PrunedMap>,
  moments: SplitMoments,
  to: {
    readonly tools: PruneTools;
    readonly refits: RefitRecord[];
    readonly signal: AbortSignal | undefined;
  },
): Promise<void> {
  for (const [name, pruned] of maps) {
    const map = { name, original: work.layer[name]!, pruned };
    const { fit, ...refitted } = await refitMap(work, map, moments, to.tools, to.signal);
    maps.set(name, refitted);
    to.refits.push({ name, step: fit.step, before: fit.errorBefore, after: fit.errorAfter });
  }
}

/** Moments of the output map behind the sublayer's already sparse maps. */
async function outputMoments(from: SublayerToPrune, original: LayerWeights): Promise<SplitMoments> {
  const { forward, kind, mask, states, reads, split, signal, reference } = from;
  const own =
    reference === null
      ? await forward.addUpdate(kind, original, mask, states, { signal, reads })
      : null;
  let sets: readonly TargetMoments[];
  try {
    const request = { ...from, wanted: reference ?? own!, sets: [split.fitted, split.held] };
    const moments = await gatherMoments(forward, request, (statistics) =>
      lookAt(forward, from, statistics, signal),
    );
    sets = moments.sets;
  } finally {
    releaseTensors(own ?? []);
  }
  const { bias } = original[kind === 'mlp' ? 'down' : 'o'];
  const [fitted, held] = sets.map((moments) =>
    bias === null ? moments : withoutBias(moments, bias),
  );
  return { fitted: fitted!, held: held!, refitsAll: split.refitsAll };
}

/** Moments of the target less an output bias that stays as it is. */
function withoutBias(moments: TargetMoments, bias: Float32Array): RefitMoments {
  const { gram, cross, inputSum, targetSum, tokens } = moments;
  const data = cross.data.map(
    (value, at) => value - inputSum[Math.floor(at / cross.columns)]! * bias[at % cross.columns]!,
  );
  let { targetEnergy } = moments;
  bias.forEach((b, c) => (targetEnergy += b * (tokens * b - 2 * targetSum[c]!)));
  return { gram, cross: { ...cross, data }, targetEnergy };
}

function ownOutput(gram: Float64Array): RefitMoments {
  const n = Math.sqrt(gram.length);
  const matrix: Matrix = matrixOf(gram, n, n);
  return { gram: matrix, cross: null, targetEnergy: 0 };
}

function linearsOf(maps: ReadonlyMap<LinearName, PrunedMap>): Map<LinearName, Linear> {
  return new Map([...maps].map(([name, { linear }]) => [name, linear]));
}
