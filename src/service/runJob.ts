import { engineApi } from '../protocol/engineApi.ts';
import { throwIfAborted } from '../protocol/errors.ts';
import type { RunEvent } from '../protocol/runEvent.ts';
import type { JobWork } from '../protocol/serviceApi.ts';
import { EngineClient, type EngineClientOptions } from '../server/client.ts';

/** What a job is done with. */
export interface JobTools {
  /** How to start an engine. */
  readonly engine: EngineClientOptions;
  /** Raised to stop the job. */
  readonly signal: AbortSignal;
  /** Told the engine once it answers. */
  readonly onEngine: (engine: EngineClient) => void;
  /** Told everything the work tells. */
  readonly onEvent: (event: RunEvent) => void;
}

/** Time a cancelled engine gets to answer, ms: far more than one block of the largest model takes. */
const CANCEL_MS = 60_000;

/**
 * Does a job in an engine process of its own, which is gone afterwards: what one job leaves in
 * memory, or breaks, is not the next one's.
 * @returns the engine's answer
 * @throws EngineError as the engine threw it; `cancelled`; `run` when the process crashes or hangs
 */
export async function runJob(work: JobWork, tools: JobTools): Promise<unknown> {
  const { signal } = tools;
  throwIfAborted(signal);
  const engine = await EngineClient.start(tools.engine);
  let timer: NodeJS.Timeout | undefined;
  const insist = (): void => {
    timer = setTimeout(() => {
      engine.kill();
    }, CANCEL_MS);
  };
  signal.addEventListener('abort', insist, { once: true });
  try {
    throwIfAborted(signal);
    engine.on(engineApi.runEvent, tools.onEvent);
    tools.onEngine(engine);
    return await ask(engine, work, signal);
  } finally {
    signal.removeEventListener('abort', insist);
    clearTimeout(timer);
    await engine.stop();
  }
}

function ask(engine: EngineClient, work: JobWork, signal: AbortSignal): Promise<unknown> {
  switch (work.kind) {
    case 'run': {
      const { configPath, overrides } = work;
      const params = { configPath, ...(overrides === undefined ? {} : { overrides }) };
      return engine.request(engineApi.run, params, signal);
    }
    case 'resume': {
      const { runFolder, device } = work;
      const params = { runFolder, ...(device === undefined ? {} : { device }) };
      return engine.request(engineApi.resume, params, signal);
    }
    case 'evaluate':
      return engine.request(engineApi.evaluate, work.request, signal);
    case 'export':
      return engine.request(engineApi.export, work.request, signal);
    case 'subnet':
      return engine.request(engineApi.subnet, work.request, signal);
    case 'compare':
      return engine.request(engineApi.compare, work.request, signal);
  }
}
