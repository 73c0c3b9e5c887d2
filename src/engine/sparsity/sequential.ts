import type { ReformVerdict } from '../../protocol/reformVerdict.ts';
import type { LayerWeights, ModelWeights } from '../checkpoint/modelWeights.ts';
import type { ForwardPass } from '../graphs/forwardPass.ts';
import { type Block, blockOf, type LinearName, MAPS, type SublayerKind } from '../model/block.ts';
import { sublayerRows } from '../model/rows.ts';
import { holdBack } from '../reformation/heldBack.ts';
import { interpolated, judgeRefit, type RefitJudgement } from '../reformation/judgeRefit.ts';
import { releaseTensors } from '../runtime/deviceTensors.ts';
import type { Tensor } from '../runtime/runtime.ts';
import { countParameters } from '../model/cost.ts';
import { denseSubnet, isPresent, type LayerMask, type Subnet } from '../model/subnet.ts';
import { assertSparsityFits, patternOf, type SparsityPlan } from './assertSparsityFits.ts';
import { wishOf } from './method.ts';
import { mlpProbeOf } from './mlpProbe.ts';
import type { PruneTools } from './pruneMaps.ts';
import { pruneSublayer, type RefitRecord } from './pruneSublayer.ts';
import type { ScoreHistogram } from './scoreHistogram.ts';
import type { SublayerStatistics } from './sublayerStatistics.ts';
import { countKept, type WeightMask } from './weightMask.ts';

/** What {@link sparsify} needs. */
export interface SparsifyRequest extends SparsityPlan {
  readonly forward: ForwardPass;
  readonly tools: PruneTools;
  readonly weights: ModelWeights;
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
  readonly weights: ModelWeights;
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
  const probe = mlpProbeOf(forward);
  // Without statistics nothing needs to be run.
  const blind = wishOf(method) === null;
  const embedded = blind ? [] : batches.map((batch) => forward.embed(weights, batch));
  const follow = method.refit?.target === 'dense';
  let [denseStates, states]: [Tensor[], Tensor[]] = [embedded, embedded];
  const split = holdBack(blind ? [] : batches, request.seed);
  const layers: LayerWeights[] = [];
  const cut: LayerWeights[] = [];
  const sparse: SparseLayer[] = [];
  for (const [l, original] of weights.layers.entries()) {
    let layer = original;
    let cutLayer = original;
    const mask = subnet.layers[l]!;
    const masks: Partial<Record<LinearName, WeightMask>> = {};
    const scores: Partial<Record<LinearName, ScoreHistogram>> = {};
    const refits: RefitRecord[] = [];
    for (const kind of ['attention', 'mlp'] as const) {
      const apply = (from: LayerWeights, before: Tensor[]): Promise<Tensor[]> =>
        blind ? Promise.resolve([]) : forward.sublayer(kind, from, mask, before, { signal });
      if (follow) denseStates = replaced(denseStates, await apply(original, denseStates));
      const pattern = patternOf(request, l, kind);
      if (pattern !== null && isPresent(kind, mask)) {
        const done = await pruneSublayer(
          {
            ...request,
            probe,
            mask,
            index: l,
            block: `block ${l}`,
            layer,
            kind,
            pattern,
            states,
            split,
            remainder: narrowed ? 'padded' : 'refused',
            histograms: request.histograms ?? false,
          },
          follow ? denseStates : null,
        );
        layer = done.layer;
        const own = done.cut ?? layer;
        for (const name of MAPS[kind]) cutLayer = { ...cutLayer, [name]: own[name] };
        if (done.statistics !== null) request.onStatistics?.({ layer: l, kind }, done.statistics);
        Object.assign(masks, done.masks);
        Object.assign(scores, done.scores);
        refits.push(...done.refits);
      }
      states = replaced(states, await apply(layer, states));
      request.onProgress?.(2 * l + (kind === 'mlp' ? 2 : 1), 2 * shape.layers);
    }
    layers.push(layer);
    cut.push(cutLayer);
    sparse.push({
      layer: l,
      masks,
      scores,
      density: densityOf(blockOf(shape, l), mask, masks),
      refits,
    });
    request.onLayer?.(sparse[l]!);
  }
  releaseTensors([...denseStates, ...states]);
  const refitted = { ...weights, layers };
  if (method.refit === null) return { weights: refitted, layers: sparse, verdict: null };
  const before = { ...weights, layers: cut };
  const rows = judge.batches.map(() => null);
  const judgement = { ...judge, forward, subnet, rows, signal };
  const refits = sparse.flatMap((one) => one.refits);
  const maps = { all: refits.length, accepted: refits.filter(({ step }) => step > 0).length };
  const verdict = { ...(await judgeRefit(judgement, before, refitted)), maps };
  return {
    weights: interpolated(before, refitted, verdict.step),
    layers: verdict.step === 0 ? sparse.map(withoutRefits) : sparse,
    verdict,
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

/** The next states, when the old ones are needed no more. */
function replaced(old: readonly Tensor[], next: Tensor[]): Tensor[] {
  releaseTensors(old);
  return next;
}
