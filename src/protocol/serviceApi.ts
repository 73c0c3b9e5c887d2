import type { CompareRequest } from './compareRow.ts';
import type {
  EvaluationRequest,
  ExportRequest,
  InspectReport,
  RunOverrides,
  SubnetRequest,
} from './engineApi.ts';
import type { EstimateReport } from './estimate.ts';
import { event, request } from './rpc.ts';
import type { ResolvedConfig } from './runConfig.ts';
import type { DeviceReport, StageName } from './runRecord.ts';

/** Version of the talk between a host and the engine service; both ends must have the same. */
export const SERVICE_PROTOCOL = 1;

/** A piece of long work. One is done at a time, because the device is one. */
export type JobWork =
  | { readonly kind: 'run'; readonly configPath: string; readonly overrides?: RunOverrides }
  | {
      readonly kind: 'resume';
      readonly runFolder: string;
      /** Another device than the run began on. */
      readonly device?: ResolvedConfig['device'];
    }
  | { readonly kind: 'evaluate'; readonly request: EvaluationRequest }
  | { readonly kind: 'export'; readonly request: ExportRequest }
  | { readonly kind: 'subnet'; readonly request: SubnetRequest }
  | { readonly kind: 'compare'; readonly request: CompareRequest };

/** Where a job stands. `stopped`: cancelled by somebody; a run can then be resumed. */
export type JobState = 'queued' | 'running' | 'finished' | 'failed' | 'stopped';

/** A job as the service tells it. */
export interface Job {
  readonly id: string;
  readonly work: JobWork;
  /** What a person reads, e.g. the run's name. */
  readonly title: string;
  readonly state: JobState;
  readonly submittedMs: number;
  readonly startedMs: number | null;
  readonly endedMs: number | null;
  /** The run folder it works in, once it is known. */
  readonly runFolder: string | null;
  readonly stage: StageName | null;
  /** Part of the stage that is done, 0 to 1. */
  readonly fraction: number | null;
  readonly etaMs: number | null;
  /** Process of the engine that does it. */
  readonly pid: number | null;
  /** Why it failed. `code` is that of the EngineError, or `bug`. */
  readonly error: { readonly code: string; readonly message: string } | null;
  /** The engine's answer, plain data; null until it is finished. */
  readonly result: unknown;
}

/**
 * Requests and events between a host (editor window) and the engine service: a detached process that
 * owns the queue and outlives every window. What a run learns is read from its folder, not from here.
 */
export const serviceApi = {
  /** First message of every connection; anything else before it is refused. */
  hello: request<
    { readonly token: string; readonly protocol: number },
    { readonly pid: number; readonly version: string; readonly protocol: number }
  >('hello'),
  submit: request<{ readonly work: JobWork; readonly title: string }, { readonly id: string }>(
    'submit',
  ),
  /** Running first, then the queue in order, then those that ended, newest first. */
  jobs: request<Record<string, never>, readonly Job[]>('jobs'),
  /** Takes a job from the queue, or stops it within a block's time; a run stays resumable. */
  cancel: request<{ readonly id: string }, Record<string, never>>('cancel'),
  /** Ends the search of a running run now; its best subnet goes on to reform, evaluate and export. */
  finishSearch: request<{ readonly id: string }, Record<string, never>>('finishSearch'),
  /** Moves a queued job. `to`: its new place in the queue, from 0. */
  move: request<{ readonly id: string; readonly to: number }, Record<string, never>>('move'),
  inspect: request<{ readonly path: string }, InspectReport>('inspect'),
  devices: request<Record<string, never>, readonly DeviceReport[]>('devices'),
  estimate: request<{ readonly configPath: string }, EstimateReport>('estimate'),
  /** The list of jobs, at most four times a second, whenever something in it changed. */
  jobsChanged: event<{ readonly jobs: readonly Job[] }>('jobsChanged'),
} as const;
