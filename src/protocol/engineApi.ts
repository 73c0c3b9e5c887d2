import type { CompareRequest } from './compareRow.ts';
import type { ComparisonTable } from './comparisonTable.ts';
import type { Problem } from './errors.ts';
import type { EstimateReport } from './estimate.ts';
import type { EvaluatedOn } from './evaluatedOn.ts';
import type { ReformVerdicts } from './reformVerdict.ts';
import { event, request } from './rpc.ts';
import type { ResolvedConfig } from './runConfig.ts';
import type { RunEvent } from './runEvent.ts';
import type { DeviceReport, ExportReport, Figures, SubnetReport } from './runRecord.ts';
import type { Timing } from './timing.ts';

/** What every long engine function is given. Plain data goes in and out of it, nothing else. */
export interface EngineContext {
  /** Raised to stop; the function then throws the `cancelled` error within one block's time. */
  readonly signal: AbortSignal;
  /** Raised to end the search early and go on with the best subnet so far. */
  readonly finishSearch?: AbortSignal;
  /** Memory that the work may count on, bytes; absent: what is free when it begins. */
  readonly freeBytes?: number | undefined;
  /** Told everything that happens, in order. Must not throw; is not awaited. */
  emit(event: RunEvent): void;
}

/** What a finished run leaves. */
export interface RunOutcome {
  readonly runFolder: string;
  readonly figures: Figures;
  readonly exports: readonly ExportReport[];
  readonly reforms: ReformVerdicts;
}

/** Ask for the perplexity and speed of a model or of a subnet. */
export interface EvaluationRequest {
  /** Model folder, or subnet.json. */
  readonly path: string;
  /** Text file. */
  readonly text: string;
  /** Window, tokens. */
  readonly context: number;
  /** 0 or absent: all of the text. */
  readonly maxWindows?: number;
  readonly device?: ResolvedConfig['device'];
}

/** Answer to an {@link EvaluationRequest}. */
export interface EvaluationReport {
  readonly path: string;
  readonly text: string;
  /** Null: infinite. */
  readonly perplexity: number | null;
  /** Mean negative log-likelihood of a predicted token. */
  readonly lossNats: number;
  /** Predicted tokens. */
  readonly tokens: number;
  readonly windows: number;
  /** Window after the model's cap, tokens. */
  readonly context: number;
  readonly params: number;
  readonly blockParams: number;
  /** What its perplexity compares with. */
  readonly evaluatedOn: EvaluatedOn;
  /** Of the ONNX decoder that was timed; null, as the times, when `notMeasured` says why. */
  readonly bytes: number | null;
  readonly prefillMs: number | null;
  readonly decodeMs: number | null;
  readonly timing: Timing | null;
  readonly peakBytes: number | null;
  /** Why size, times and memory are missing, e.g. a full temporary folder; null when they are not. */
  readonly notMeasured: Problem | null;
  readonly device: DeviceReport;
  /** What is odd about the model, as `inspect` says it; absent where nothing is. */
  readonly notes?: readonly string[];
}

/** What an export may be written as. */
export type ExportForm = 'checkpoint' | 'onnx' | 'compressed';

/** Ask for exports of a finished search. */
export interface ExportRequest {
  /** Run folder, or subnet.json. */
  readonly path: string;
  /** Folder to write to, which gets a subnet.json too; absent: `export/` of the run, or beside the subnet config. */
  readonly out?: string;
  readonly forms: readonly ExportForm[];
  readonly dtype?: 'source' | 'float32' | 'float16' | 'bfloat16';
}

/** Ask for more about one subnet of a run: reform it, measure it, write it. */
export interface SubnetRequest {
  readonly runFolder: string;
  /** Subnet key, as in the run's `evaluated` events. */
  readonly key: string;
  /** Reform its kept weights with the run's `reform` settings first. */
  readonly reform: boolean;
  /** Measure held-out perplexity, size and speed. */
  readonly evaluate: boolean;
  readonly forms: readonly ExportForm[];
  /** Folder to write to; absent: one in the run folder. */
  readonly out?: string;
}

/** One kind of parameter group and whether the engine can prune it. */
export interface InspectPart {
  readonly name: string;
  /** Prunable units, e.g. neurons; 0 when it is not prunable. */
  readonly units: number;
  readonly params: number;
  readonly prunable: boolean;
  /** Why, or why not; a whole sentence. */
  readonly reason: string;
}

/** What is in a model folder. */
export interface InspectReport {
  readonly path: string;
  readonly family: string;
  readonly layers: number;
  readonly hidden: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly intermediate: number;
  readonly vocab: number;
  readonly maxPositions: number;
  readonly dtype: string;
  readonly params: number;
  readonly blockParams: number;
  readonly bytes: number;
  readonly parts: readonly InspectPart[];
  /** What is odd about the model, e.g. tensors that nothing reads: whole sentences, none for most. */
  readonly notes: readonly string[];
}

/** Every request and event between a host (CLI, editor) and the engine process. */
export const engineApi = {
  /** Answers when the engine is ready to work. */
  ping: request<Record<string, never>, { readonly pid: number; readonly engine: string }>('ping'),
  run: request<{ readonly configPath: string; readonly overrides?: RunOverrides }, RunOutcome>(
    'run',
  ),
  /** `device`: another than the run began on, e.g. because that one is gone; it may round otherwise. */
  resume: request<
    { readonly runFolder: string; readonly device?: ResolvedConfig['device'] },
    RunOutcome
  >('resume'),
  evaluate: request<EvaluationRequest, EvaluationReport>('evaluate'),
  export: request<ExportRequest, readonly ExportReport[]>('export'),
  /** Works on one subnet of a run that is not running; the answer is also an event of the run. */
  subnet: request<SubnetRequest, SubnetReport>('subnet'),
  /** What a run of this config would take and give; reads headers and asks the device for its rate. */
  estimate: request<{ readonly configPath: string }, EstimateReport>('estimate'),
  /** Makes a model small in many ways and judges all alike; what was done before is not done again. */
  compare: request<CompareRequest, ComparisonTable>('compare'),
  inspect: request<{ readonly path: string }, InspectReport>('inspect'),
  devices: request<Record<string, never>, readonly DeviceReport[]>('devices'),
  /** Stops everything that is running; the stopped requests answer with `cancelled`. */
  cancel: request<Record<string, never>, { readonly stopped: number }>('cancel'),
  /** Ends the search of the running run early; its best subnet goes on through the later stages. */
  finishSearch: request<Record<string, never>, { readonly told: boolean }>('finishSearch'),
  /** Everything the running request tells, in order. */
  runEvent: event<RunEvent>('runEvent'),
} as const;

/** Values of the command line that win over those of the config file. */
export interface RunOverrides {
  readonly name?: string;
  readonly device?: ResolvedConfig['device'];
  readonly seed?: number;
  /** Folder the run folder is put into; absent: `.subnet/runs` beside the config. */
  readonly out?: string;
}
