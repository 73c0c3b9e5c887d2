/**
 * Second moments of the inputs of one linear map over calibration tokens.
 *
 * `gram` is Σ x xᵀ, row-major [n, n], float64, symmetric; `sum` is Σ x, [n], float64; `tokens` is
 * the number of rows summed.
 */
export interface InputStatistics {
  readonly width: number;
  readonly tokens: number;
  readonly gram: Float64Array;
  readonly sum: Float64Array;
}

/** Statistics of the four inputs of one dense block. */
export interface LayerStatistics {
  /** Input of q, k and v (after the norm), n = H. */
  readonly attentionInput: InputStatistics;
  /** Input of o_proj, n = A·D, grouped by query head. */
  readonly context: InputStatistics;
  /** Input of gate and up (after the norm), n = H. */
  readonly mlpInput: InputStatistics;
  /** Input of down_proj, n = I. */
  readonly hidden: InputStatistics;
}
