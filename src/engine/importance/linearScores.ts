/**
 * Scores of the prunable rows of every linear map of a block, before rows are joined to units.
 * Rows are those of `LayerWeights`: output features of q, k, v, gate, up; input features of o, down.
 */
export interface LinearScores {
  /** [A·D], grouped by query head */
  readonly q: Float64Array;
  /** [G·D] */
  readonly k: Float64Array;
  /** [G·D] */
  readonly v: Float64Array;
  /** [A·D], grouped by query head */
  readonly o: Float64Array;
  /** [I]; null for a plain MLP */
  readonly gate: Float64Array | null;
  /** [I] */
  readonly up: Float64Array;
  /** [I] */
  readonly down: Float64Array;
}

/**
 * The same scores with every map's divided by their sum, so that each map weighs the same.
 *
 * Deviation: the paper adds raw scores, though those of q, k, v, gate and up are errors of
 * projection outputs and those of o and down errors of the residual stream (METHODS 1.4).
 */
export function normalised(scores: LinearScores): LinearScores {
  return {
    q: shares(scores.q),
    k: shares(scores.k),
    v: shares(scores.v),
    o: shares(scores.o),
    gate: scores.gate === null ? null : shares(scores.gate),
    up: shares(scores.up),
    down: shares(scores.down),
  };
}

function shares(scores: Float64Array): Float64Array {
  const total = scores.reduce((sum, score) => sum + score, 0);
  return total > 0 ? scores.map((score) => score / total) : scores;
}
