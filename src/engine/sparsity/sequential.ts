import type { ReformVerdict } from '../../protocol/reformVerdict.ts';
import { type MapChanges, type WeightSource, withChanges } from '../checkpoint/weightSource.ts';
import type { ForwardPass } from '../graphs/forwardPass.ts';
import { type Block, blockOf, type LinearName, type SublayerKind } from '../model/block.ts';
import type { ModelShape } from '../model/modelShape.ts';
import { sublayerRows } from '../model/rows.ts';
import { type Visitor, walk } from '../passes/walk.ts';
import { holdBack } from '../reformation/heldBack.ts';
import { interpolated, judgeRefit, type RefitJudgement } from '../reformation/judgeRefit.ts';
import { countParameters } from '../model/cost.ts';
import { denseSubnet, type LayerMask, type Subnet } from '../model/subnet.ts';
import { assertSparsityFits, patternOf, type SparsityPlan } from './assertSparsityFits.ts';
import { wishOf } from './method.ts';
import type { PruneTools } from './pruneMaps.ts';
import { type PrunedSublayer, pruneSublayer, type RefitRecord } from './pruneSublayer.ts';
import type { ScoreHistogram } from './scoreHistogram.ts';
import type { SublayerStatistics } from './sublayerStatistics.ts';
import { countKept, type WeightMask } from './weightMask.ts';

/** What {@link sparsify} needs. */
export interface SparsifyRequest extends SparsityPlan {
  readonly forward: ForwardPass;
  readonly tools: PruneTools;
  readonly weights: WeightSource;
  /** Which part of the model there is; all of it when absent. Removed sublayers are passed over. */
  readonly subnet?: Subnet;
  /** Calibration windows grouped into batches, in the order of the text. */
  readonly batches: readonly (readonly Uint32Array[])[];
  /** Chooses the tokens that refits are not fitted to. */
  readonly seed: number;
  /** Judges a refit as a whole, on other windows than those of `batches`. */
  readonly judge: Pick<RefitJudgement, 'head' | 'dense' | 'batches' | 'loss'>;
  /** Also counts the scores that chose the masks; costs a logarithm per weight. */
  readonly histograms?: boolean;
  readonly signal?: AbortSignal;
  /** Told what each sublayer's inputs looked like before it was pruned. */
  readonly onStatistics?: (
    at: { readonly layer: number; readonly kind: SublayerKind },
    statistics: SublayerStatistics,
  ) => void;
  /** Told each finished sublayer: how many of how many. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Told each finished block. */
  readonly onLayer?: (layer: SparseLayer) => void;
}

/** The masks of one block. */
export interface SparseLayer {
  readonly layer: number;
  /** Maps that were made sparse, the rows that the subnet keeps of them. */
  readonly masks: Readonly<Partial<Record<LinearName, WeightMask>>>;
  /** The scores that chose them, where they were asked for and stood still. */
  readonly scores: Readonly<Partial<Record<LinearName, ScoreHistogram>>>;
  /** Share of all weights of the block's kept maps that stay; 1 where nothing is kept. */
  readonly density: number;
  /** Relative output error of each refitted map, before and after. */
  readonly refits: readonly RefitRecord[];
}

/** A sparse model: the shape of the whole one, with zeros in the rows that the subnet keeps. */
export interface SparseModel {
  readonly weights: WeightSource;
  readonly layers: readonly SparseLayer[];
  /** How much of the refit was accepted; null for a method that does not refit. */
  readonly verdict: ReformVerdict | null;
}

/**
 * Makes a model sparse block by block, each on the inputs that the already sparse blocks before it
 * give it. Every sublayer is looked at as it is, pruned, and then applied as it has become.
 *
 * Inside a subnet, statistics, scores, groups and refits see nothing but what it keeps, in the order
 * of its exported weights. A group along a narrowed dimension may then be the last and short: it
 * keeps at most n.
 *
 * A refit is accepted only as far as tokens gain by it that it was not fitted to, map by map and then as
 * a whole, by the loss on the judging windows: else the weights stay as the rule cut them.
 *
 * Memory: the residual streams of all calibration tokens, before and after a sublayer, a second
 * pair where a refit follows the dense model, and one sublayer's statistics.
 *
 * Deviation: published code gathers the statistics of a whole block before it prunes any of it; here
 * the MLP is looked at behind its block's already sparse attention.
 * @throws EngineError `config` when method and model do not go together or a pattern does not fit,
 *   `numeric` for activations that are not finite or all zero, `cancelled`
 * @source METHODS sections 3.1 and 3.2
 */
export async function sparsify(request: SparsifyRequest): Promise<SparseModel> {
  const { forward, weights, method, batches, judge, signal } = request;
  const { shape } = weights;
  const subnet = request.subnet ?? denseSubnet(shape);
  const { block, denseBlock } = countParameters(shape, subnet);
  const narrowed = block < denseBlock;
  assertSparsityFits(shape, request, narrowed);
  // Without statistics nothing needs to be run.
  const seen = wishOf(method) === null ? [] : batches;
  const split = holdBack(seen, request.seed);
  const cut = new Map<number, MapChanges>();
  const sparse = subnet.layers.map((mask, layer) => denseRecord(shape, layer, mask));
  const visitor: Visitor = {
    async visit(here) {
      const { index, kind, mask } = here;
      const pattern = patternOf(request, index, kind);
      if (pattern === null) return 'unchanged';
      const remainder = narrowed ? 'padded' : 'refused';
      const histograms = request.histograms ?? false;
      const settings = { ...request, pattern, split, remainder, histograms } as const;
      const done = await pruneSublayer({ ...settings, ...here, block: `block ${index}` });
      cut.set(index, { ...cut.get(index), ...(done.cut ?? done.maps) });
      if (done.statistics !== null) request.onStatistics?.({ layer: index, kind }, done.statistics);
      sparse[index] = withSublayer(shape, mask, sparse[index]!, done);
      return { maps: [done.maps] };
    },
    leave: ({ index }) => request.onLayer?.(sparse[index]!),
  };
  const reference = method.refit?.target === 'dense' ? subnet : undefined;
  const streams = { forward, weights, subnet, batches: seen, reference, signal };
  const [refitted] = await walk({ ...streams, onProgress: request.onProgress }, visitor);
  if (method.refit === null) return { weights: refitted!, layers: sparse, verdict: null };
  const before = withChanges(weights, cut);
  const rows = judge.batches.map(() => null);
  const judgement = { ...judge, forward, subnet, rows, signal };
  const refits = sparse.flatMap((one) => one.refits);
  const maps = { all: refits.length, accepted: refits.filter(({ step }) => step > 0).length };
  const verdict = { ...(await judgeRefit(judgement, before, refitted!)), maps };
  return {
    weights: await interpolated(before, refitted!, verdict.step),
    layers: verdict.step === 0 ? sparse.map(withoutRefits) : sparse,
    verdict,
  };
}

/** The record of a block before any of it is sparse. */
function denseRecord(shape: ModelShape, layer: number, mask: LayerMask): SparseLayer {
  const density = densityOf(blockOf(shape, layer), mask, {});
  return { layer, masks: {}, scores: {}, density, refits: [] };
}

/** The record of a block of which one sublayer more is sparse. */
function withSublayer(
  shape: ModelShape,
  mask: LayerMask,
  record: SparseLayer,
  done: PrunedSublayer,
): SparseLayer {
  const masks = { ...record.masks, ...done.masks };
  return {
    ...record,
    masks,
    scores: { ...record.scores, ...done.scores },
    density: densityOf(blockOf(shape, record.layer), mask, masks),
    refits: [...record.refits, ...done.refits],
  };
}

/** The record of a block whose weights stay as they were cut. */
function withoutRefits(layer: SparseLayer): SparseLayer {
  const refits = layer.refits.map((refit) => ({ ...refit, step: 0, after: refit.before }));
  return { ...layer, refits };
}

/** Share of the kept weights of a block's maps that stay; maps without a mask stay whole. */
function densityOf(
  block: Block,
  mask: LayerMask,
  masks: Readonly<Partial<Record<LinearName, WeightMask>>>,
): number {
  let [kept, all] = [0, 0];
  for (const kind of ['attention', 'mlp'] as const) {
    for (const [name, rows] of Object.entries(sublayerRows(block, kind, mask))) {
      const size = rows.length * block.hidden;
      const zeros = masks[name as LinearName];
      kept += zeros === undefined ? size : countKept(zeros);
      all += size;
    }
  }
  return all === 0 ? 1 : kept / all;
}
