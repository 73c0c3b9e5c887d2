import type { Block } from '../model/block.ts';
import type { ModelShape } from '../model/modelShape.ts';

/**
 * A linear map whose PRUNABLE dimension is the first axis, so that keeping a unit is keeping a row.
 *
 * `weight` is row-major float32 [rows, H]. For q, k, v, gate and up a row is an output feature
 * (`y = x · Wᵀ + b`, b per row). For `o` and `down` the checkpoint's [H, in] matrix is stored
 * TRANSPOSED: a row is an input feature (`y = x · W + b`, b has H entries and is not sliced).
 */
export interface Linear {
  readonly weight: Float32Array;
  readonly bias: Float32Array | null;
}

/** Gain (and shift for LayerNorm) of a norm, [H] each. */
export interface NormWeights {
  readonly gain: Float32Array;
  readonly shift: Float32Array | null;
}

/** The weights of one block, float32. */
export interface LayerWeights {
  /** What the block computes with them. */
  readonly block: Block;
  readonly attentionNorm: NormWeights;
  /** [A·D, H], rows grouped by query head. */
  readonly q: Linear;
  /** [G·D, H] */
  readonly k: Linear;
  /** [G·D, H] */
  readonly v: Linear;
  /** [A·D, H], transposed; rows grouped by query head. */
  readonly o: Linear;
  /** Of every query head, gain [D]; null where heads are not normalised. */
  readonly qNorm: NormWeights | null;
  /** Of every key head, gain [D]. */
  readonly kNorm: NormWeights | null;
  /** Of what attention adds to the stream; null where that is added as it is. */
  readonly attentionAfterNorm: NormWeights | null;
  readonly mlpNorm: NormWeights;
  /** [I, H]; null for a plain MLP. */
  readonly gate: Linear | null;
  /** [I, H]; fc1 of a plain MLP. */
  readonly up: Linear;
  /** [I, H], transposed; fc2 of a plain MLP. */
  readonly down: Linear;
  /** Of what the MLP adds to the stream. */
  readonly mlpAfterNorm: NormWeights | null;
}

/** Norms that some families have inside a sublayer or behind it; all have a gain and no shift. */
export type InnerNorm = 'qNorm' | 'kNorm' | 'attentionAfterNorm' | 'mlpAfterNorm';

/** A whole model in memory. Arrays are shared, never written to: a changed model is a new object. */
export interface ModelWeights {
  readonly shape: ModelShape;
  /** [V, H] */
  readonly embedding: Float32Array;
  /** Learned position table [rows, H]; null under RoPE. */
  readonly positionTable: Float32Array | null;
  readonly layers: readonly LayerWeights[];
  readonly finalNorm: NormWeights;
  /** [V, H]; the same array as `embedding` when tied. */
  readonly head: Float32Array;
}
