import { type Block, blocksOf, qkUnitCount, type SublayerKind } from './block.ts';
import type { ModelShape } from './modelShape.ts';

/**
 * What one key/value head keeps.
 *
 * `qk`: kept query/key units, ascending: RoPE pair indices (0 … D/2−1; pair i is dimensions i and
 * i + D/2) or plain dimensions without RoPE. The same units are kept in the key head and in every
 * query head that shares it. `vo`: kept value dimensions (0 … D−1), ascending, with the matching
 * o_proj columns of every query head of the group. Both are empty (head removed) or neither is.
 */
export interface HeadMask {
  readonly qk: Uint32Array;
  readonly vo: Uint32Array;
}

/**
 * What one block keeps. All heads empty = the attention sublayer is removed with its output bias;
 * `mlp` empty = the MLP is removed likewise; both = nothing is left of the block but its norms behind
 * the sublayers, and without such norms it is the identity.
 */
export interface LayerMask {
  /** One entry per key/value head, [G]. */
  readonly heads: readonly HeadMask[];
  /** Kept MLP neurons, ascending. */
  readonly mlp: Uint32Array;
}

/** A subnet: one mask per block, [L]. Residual width, norms, embeddings and head stay whole. */
export interface Subnet {
  readonly layers: readonly LayerMask[];
}

/** Importance of every prunable unit of one block; larger is more worth keeping. */
export interface LayerScores {
  /** [G][qk units] */
  readonly qk: readonly Float64Array[];
  /** [G][D] */
  readonly vo: readonly Float64Array[];
  /** [I] */
  readonly mlp: Float64Array;
}

/** The subnet that keeps everything a model has: what ratios and budgets are shares of. */
export function denseSubnet(shape: ModelShape): Subnet {
  return { layers: blocksOf(shape).map(denseMask) };
}

/** The mask of a block that keeps everything it has. */
export function denseMask(block: Block): LayerMask {
  return block.held ?? wholeMask(block);
}

/**
 * The mask of every unit that the sizes of a block leave room for, be it in the checkpoint or not: what
 * is not there has zeros for weights. Statistics and scores are laid out by it.
 */
export function wholeMask({ attention, mlp }: Block): LayerMask {
  const head = { qk: upTo(qkUnitCount(attention)), vo: upTo(attention.headDim) };
  const heads = Array.from({ length: attention.kvHeads }, () => head);
  return { heads, mlp: upTo(mlp.intermediate) };
}

/** True where the blocks of a model lack units that were removed before. */
export function isUneven(shape: ModelShape): boolean {
  return blocksOf(shape).some(({ held }) => held !== null);
}

/** The mask of a block of so many key/value heads that keeps nothing. */
export function emptyMask(kvHeads: number): LayerMask {
  const none = new Uint32Array(0);
  return { heads: Array.from({ length: kvHeads }, () => ({ qk: none, vo: none })), mlp: none };
}

/** True when any head of the block keeps something. */
export function hasAttention(mask: LayerMask): boolean {
  return mask.heads.some((head) => head.qk.length > 0);
}

/** True when a mask keeps anything of a sublayer; what it keeps nothing of is removed whole. */
export function isPresent(kind: SublayerKind, mask: LayerMask): boolean {
  return kind === 'attention' ? hasAttention(mask) : mask.mlp.length > 0;
}

function upTo(n: number): Uint32Array {
  return Uint32Array.from({ length: n }, (_, index) => index);
}
