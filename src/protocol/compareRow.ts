/** One line of a comparison. */
export interface CompareRow {
  readonly method: string;
  /** `2:4`, `50%` (zeros), `kept 70%` (structured), or `dense`. */
  readonly pattern: string;
  /** What was pruned: the MLPs, all maps of the blocks, or units and blocks. */
  readonly scope: 'mlp' | 'all' | 'structured';
  readonly seed: number;
  /** On the held-out text. */
  readonly perplexity: number;
  /** Share of the dense model's prunable block parameters that are not zero, added biases included. */
  readonly nonzeroFraction: number;
  /** Prunable block parameters that are not zero. */
  readonly params: number;
  /** Time the method took, without evaluation. */
  readonly seconds: number;
}

/** Ask for a comparison. */
export interface CompareRequest {
  /** A *.subnet.jsonc file; its `compare` section says what is compared. */
  readonly configPath: string;
  readonly seed?: number;
  readonly device?: 'auto' | 'cpu' | 'webgpu' | 'cuda' | 'dml' | 'coreml';
}
