import type {
  EngineContext,
  EvaluationReport,
  EvaluationRequest,
  ExportRequest,
  InspectReport,
  RunOutcome,
  RunOverrides,
  SubnetRequest,
  engineApi,
} from '../protocol/engineApi.ts';
import type { CompareRequest } from '../protocol/compareRow.ts';
import type { ComparisonTable } from '../protocol/comparisonTable.ts';
import { EngineError } from '../protocol/errors.ts';
import type { EstimateReport } from '../protocol/estimate.ts';
import type { ResolvedConfig } from '../protocol/runConfig.ts';
import type { CallContext, Handlers } from '../protocol/rpc.ts';
import type { RunEvent } from '../protocol/runEvent.ts';
import type { DeviceReport, ExportReport, StageName, SubnetReport } from '../protocol/runRecord.ts';

/** What the engine can do; `src/engine/pipeline` is the one real implementation. */
export interface Pipeline {
  startRun(
    configPath: string,
    context: EngineContext,
    overrides?: RunOverrides,
  ): Promise<RunOutcome>;
  resumeRun(
    runFolder: string,
    context: EngineContext,
    device?: ResolvedConfig['device'],
  ): Promise<RunOutcome>;
  evaluateModel(request: EvaluationRequest, context: EngineContext): Promise<EvaluationReport>;
  exportRun(request: ExportRequest, context: EngineContext): Promise<readonly ExportReport[]>;
  workOnSubnet(request: SubnetRequest, context: EngineContext): Promise<SubnetReport>;
  compareMethods(request: CompareRequest, context: EngineContext): Promise<ComparisonTable>;
  estimateRun(configPath: string, signal: AbortSignal): Promise<EstimateReport>;
  inspectModel(path: string): Promise<InspectReport>;
  listDevices(): Promise<readonly DeviceReport[]>;
}

/** Least time between two progress events on the wire, ms; every event is on disk anyway. */
const PROGRESS_MS = 100;

/**
 * Binds the API to the engine.
 *
 * Long work is done one at a time: the devices and the memory are all taken by one, and events
 * then need not say whose they are.
 * @param pipeline  loads the engine; called by the first request, so that a native library that
 *   cannot be loaded is that request's error and not a silent end of the process
 * @param version  answered to a ping
 * @param emit  sends an event to the host
 */
export function engineHandlers(
  pipeline: () => Promise<Pipeline>,
  version: string,
  emit: (event: RunEvent) => void,
): Handlers<typeof engineApi> {
  let running: Running | undefined;
  const alone = async <R>(
    { signal }: CallContext,
    work: (engine: Pipeline, context: EngineContext) => Promise<R>,
  ): Promise<R> => {
    if (running !== undefined) throw busy();
    const [controller, finishing] = [new AbortController(), new AbortController()];
    const own: Running = { controller, finishing, canFinish: false };
    running = own;
    const stop = (): void => {
      controller.abort();
    };
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    try {
      const engine = await pipeline();
      const tell = thinned(emit);
      return await work(engine, {
        signal: controller.signal,
        finishSearch: finishing.signal,
        emit: (event) => {
          own.canFinish = canFinishAfter(event, own.canFinish);
          tell(event);
        },
      });
    } finally {
      signal.removeEventListener('abort', stop);
      running = undefined;
    }
  };
  return {
    ping: () => ({ pid: process.pid, engine: version }),
    run: ({ configPath, overrides }, call) =>
      alone(call, (engine, context) => engine.startRun(configPath, context, overrides)),
    resume: ({ runFolder, device }, call) =>
      alone(call, (engine, context) => engine.resumeRun(runFolder, context, device)),
    evaluate: (request, call) =>
      alone(call, (engine, context) => engine.evaluateModel(request, context)),
    export: (request, call) => alone(call, (engine, context) => engine.exportRun(request, context)),
    subnet: (request, call) =>
      alone(call, (engine, context) => engine.workOnSubnet(request, context)),
    compare: (request, call) =>
      alone(call, (engine, context) => engine.compareMethods(request, context)),
    estimate: async ({ configPath }, { signal }) =>
      (await pipeline()).estimateRun(configPath, signal),
    inspect: async ({ path }) => (await pipeline()).inspectModel(path),
    devices: async () => (await pipeline()).listDevices(),
    cancel: () => {
      const stopped = running === undefined ? 0 : 1;
      running?.controller.abort();
      return { stopped };
    },
    finishSearch: () => {
      const told = running?.canFinish ?? false;
      if (told) running?.finishing.abort();
      return { told };
    },
  };
}

/** The long work in progress. */
interface Running {
  readonly controller: AbortController;
  readonly finishing: AbortController;
  /** True from the start of a run to the end of its search. */
  canFinish: boolean;
}

function canFinishAfter(event: RunEvent, before: boolean): boolean {
  if (event.kind === 'runStarted') return true;
  if (event.kind === 'stageFinished' && event.stage === 'search') return false;
  // A resumed run does not tell the search again that it has behind it.
  if (event.kind === 'stageStarted' && AFTER_SEARCH.has(event.stage)) return false;
  return before;
}

const AFTER_SEARCH: ReadonlySet<StageName> = new Set(['reform', 'sparsify', 'evaluate', 'export']);

/** Lets at most ten progress events a second through, but the last of a stage always. */
function thinned(emit: (event: RunEvent) => void): (event: RunEvent) => void {
  let lastMs = 0;
  return (event) => {
    if (event.kind === 'stageProgress' && event.done < event.total) {
      const nowMs = performance.now();
      if (nowMs - lastMs < PROGRESS_MS) return;
      lastMs = nowMs;
    }
    emit(event);
  };
}

function busy(): EngineError {
  return new EngineError('run', {
    what: 'The engine process',
    expected: 'one piece of work at a time',
    found: 'another one that is still going on',
    action: 'Wait for it, cancel it, or start a second engine.',
    sentence: 'The engine is busy with other work.',
  });
}
