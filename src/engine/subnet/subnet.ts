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
 * `mlp` empty = the MLP is removed likewise; both = the block is the identity.
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
