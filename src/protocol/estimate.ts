import type { StageName } from './runRecord.ts';

/** What one stage is expected to take. */
export interface StageEstimate {
  readonly stage: StageName;
  readonly ms: number;
  /** Memory at its peak, bytes, weights included. */
  readonly peakBytes: number;
  /** How the time was worked out; a whole sentence with its numbers. */
  readonly why: string;
}

/** What a run would take and give, before anything is started. */
export interface EstimateReport {
  readonly name: string;
  readonly model: {
    readonly path: string;
    readonly family: string;
    readonly layers: number;
  };
  /** Parameters of the whole model, before and after. */
  readonly params: { readonly dense: number; readonly subnet: number };
  /** Prunable block parameters, before and after. */
  readonly blockParams: { readonly dense: number; readonly subnet: number };
  /** Even widths that would meet the budget: units kept of each head and of each MLP. */
  readonly widths: { readonly qk: number; readonly vo: number; readonly mlp: number };
  readonly stages: readonly StageEstimate[];
  readonly totalMs: number;
  /** What the time rests on: a measured rate of the device. */
  readonly device: {
    readonly device: string;
    readonly gflops: number | null;
    readonly why: string;
  };
  readonly memory: {
    readonly peakBytes: number;
    readonly freeBytes: number;
    readonly fits: boolean;
  };
  readonly disk: {
    readonly neededBytes: number;
    readonly freeBytes: number;
    readonly fits: boolean;
  };
  /** Calibration, search and held-out windows × tokens. */
  readonly windows: {
    readonly calibration: readonly [number, number];
    readonly search: readonly [number, number];
    readonly heldout: readonly [number, number];
  };
  /** Candidates the search will judge. */
  readonly candidates: number;
  /** What the user should know before starting; whole sentences. */
  readonly warnings: readonly string[];
}
