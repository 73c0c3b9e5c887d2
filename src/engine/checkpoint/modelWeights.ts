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
  /** Of what enters attention; null where it reads the stream as it is. */
  readonly attentionNorm: NormWeights | null;
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
  /** Of the stream once attention was added; null where it goes on as it is. */
  readonly attentionBehindNorm: NormWeights | null;
  /** Of what enters the MLP. */
  readonly mlpNorm: NormWeights | null;
  /** [I, H]; null for a plain MLP. */
  readonly gate: Linear | null;
  /** [I, H]; fc1 of a plain MLP. */
  readonly up: Linear;
  /** [I, H], transposed; fc2 of a plain MLP. */
  readonly down: Linear;
  /** Of what the MLP adds to the stream. */
  readonly mlpAfterNorm: NormWeights | null;
  /** Of the stream once the MLP was added. */
  readonly mlpBehindNorm: NormWeights | null;
}

/** A whole model in memory. Arrays are shared, never written to: a changed model is a new object. */
export interface ModelWeights {
  readonly shape: ModelShape;
  /** [V, E] */
  readonly embedding: Float32Array;
  /** Map from rows of the table to the stream, [H, E]; null where they are as wide. */
  readonly projectIn: Float32Array | null;
  /** Learned position table [rows, H]; null under RoPE. */
  readonly positionTable: Float32Array | null;
  readonly layers: readonly LayerWeights[];
  /** Null where the head reads the stream as it is. */
  readonly finalNorm: NormWeights | null;
  /** Map from the stream to what the head reads, [E, H]; null where they are as wide. */
  readonly projectOut: Float32Array | null;
  /** [V, E]; the same array as `embedding` when tied. */
  readonly head: Float32Array;
}
