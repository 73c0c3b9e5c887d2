import type { ModelSummary } from '../protocol/modelSummary.ts';

/** What an editor knows of the model of a config. */
export interface ModelFacts {
  readonly summary: ModelSummary;
  /** Longest sequence the model was made for, tokens. */
  readonly maxPositions: number;
  /** Whether its MLPs have a gate. */
  readonly gated: boolean;
  /** Size of its weight files. */
  readonly bytes: number;
  /** Absolute path. */
  readonly folder: string;
}
