import type { ReformVerdict } from '../../protocol/reformVerdict.ts';
import type { ModelShape } from '../model/modelShape.ts';
import type { WeightSource } from '../checkpoint/weightSource.ts';
import type { Runner } from '../graphs/runner.ts';
import { blocksOf, type SublayerKind } from '../model/block.ts';
import type { LossHead } from '../graphs/lossHead.ts';
import type { Subnet } from '../model/subnet.ts';
import { holdBack } from './heldBack.ts';
import { interpolated, judgeRefit } from './judgeRefit.ts';
import type { Refit } from './refit.ts';
import { refitBlocks } from './refitBlocks.ts';

/**
 * What a refitted sublayer is to produce: `dense`, the dense model's residual stream, so that errors
 * of earlier blocks are repaired too; `layer`, what the unpruned sublayer would produce from the
 * subnet's own inputs (the paper's). A norm behind the sublayer is not a part of it.
 *
 * Deviation: `dense` is not in the paper; METHODS 5, ideas 2.
 */
export type FitTarget = 'dense' | 'layer';

/** What {@link reform} needs. */
export interface ReformRequest {
  readonly forward: Runner;
  readonly head: LossHead;
  /** The dense model. */
  readonly dense: WeightSource;
  /** The weights to refit: those of the dense model, or what was made of them for the subnet. */
  readonly weights: WeightSource;
  readonly subnet: Subnet;
  /** Calibration windows grouped into batches, in the order of the text. */
  readonly batches: readonly (readonly Uint32Array[])[];
  readonly target: FitTarget;
  /** Chooses the tokens that are held back. */
  readonly seed: number;
  /** What must fall on held-back tokens, as in `judgeRefit`. */
  readonly loss: 'perplexity' | 'kl';
  readonly refit: Refit;
  readonly signal?: AbortSignal;
  /** Told what was decided of each map. */
  readonly onFit?: (fit: MapFit) => void;
}

/** How the refit of one output map went. */
export interface MapFit {
  readonly layer: number;
  readonly kind: SublayerKind;
  /** Null: the map was kept, because no damping made it better on held-back tokens. */
  readonly damping: number | null;
  /** Held-back errors, as in `RefitChoice`. */
  readonly errorBefore: number;
  readonly errorAfter: number;
}

/** A reformed subnet. */
export interface Reformed {
  /**
   * They differ from the request's in the kept rows of o and down and in their biases; the same
   * object when the reform is rejected.
   */
  readonly weights: WeightSource;
  readonly verdict: ReformVerdict;
}

/**
 * Reforms a subnet: refits the kept rows of o_proj and down_proj, sublayer after sublayer, each on
 * the inputs that the already reformed subnet gives it.
 *
 * Some tokens are held back. On them each map's damping is chosen, maps that gain nothing are left
 * alone, and the whole is judged: it is accepted, in part or not at all. Where much was held back, what
 * is accepted is then the fit to all tokens.
 *
 * Memory: {@link reformationBytes}.
 * @throws EngineError `numeric` when a map cannot be fitted, `cancelled`
 * @source Shen et al. 2024, section 3.4 (METHODS 1.1, 1.2)
 */
export async function reform(request: ReformRequest): Promise<Reformed> {
  const { weights } = request;
  const split = holdBack(request.batches, request.seed);
  const maps = { all: 0, accepted: 0 };
  const onFit = (fit: MapFit): void => {
    maps.all++;
    if (fit.damping !== null) maps.accepted++;
    request.onFit?.(fit);
  };
  const { trial, full } = await refitBlocks({ ...request, onFit }, split);
  const judgement = { ...request, rows: split.held };
  const verdict = { ...(await judgeRefit(judgement, weights, trial)), maps };
  return { weights: await interpolated(weights, full, verdict.step), verdict };
}

/**
 * Peak bytes of {@link reform} beside the source's weights: o and down of the trial, of the fit to
 * all tokens and of a step on the way, five residual streams of all tokens (of the dense model and of
 * both fits, before and after a sublayer; in parallel blocks also before the block), and the moments
 * of the largest map in float64, twice for fitted and held-back tokens and once more while it is
 * solved. The whole is judged when the streams are gone, and needs less than they did.
 */
export function reformationBytes(shape: ModelShape, tokens: number): number {
  const { layers, hidden, heads, headDim, intermediate } = shape;
  const inputs = heads * headDim + intermediate;
  const width = Math.max(heads * headDim, intermediate);
  const streams = blocksOf(shape).some(({ residual }) => residual === 'parallel') ? 8 : 5;
  const held = 4 * streams * tokens * hidden;
  return 12 * layers * inputs * hidden + held + 24 * width * (width + hidden);
}
