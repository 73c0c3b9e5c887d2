import { engineApi } from '../protocol/engineApi.ts';
import { EngineError, isEngineError } from '../protocol/errors.ts';
import { EngineClient } from '../server/client.ts';
import { exitCodes } from './exitCodes.ts';
import { ProgressView } from './progressView.ts';
import type { Shell } from './shell.ts';

/**
 * Starts an engine, shows what it tells, and ends it again whatever happens.
 *
 * The first Ctrl-C cancels, the second kills.
 * @param work  what to ask of it; pass the signal on
 * @returns what the work returned
 * @throws what the work threw; a stopped run says how to go on
 */
export async function withEngine<R>(
  shell: Shell,
  work: (engine: EngineClient, signal: AbortSignal) => Promise<R>,
): Promise<R> {
  const controller = new AbortController();
  const view = new ProgressView(shell.terminal);
  let engine: EngineClient | undefined;
  let runFolder: string | undefined;
  const offInterrupt = shell.onInterrupt(() => {
    if (!controller.signal.aborted) {
      view.remark('Stopping at the next block. Press Ctrl-C again to end at once.');
      controller.abort();
      return;
    }
    view.end();
    engine?.kill();
    if (runFolder !== undefined) shell.terminal.err(`${resumeHint(runFolder)}\n`);
    shell.exit(exitCodes.stopped);
  });
  try {
    engine = await EngineClient.start(shell.engine);
    engine.on(engineApi.runEvent, (event) => {
      if (event.kind === 'runStarted') runFolder = event.folder;
      view.show(event);
    });
    return await work(engine, controller.signal);
  } catch (error) {
    // Ctrl-C reaches the engine as well: one that was just starting has gone by itself.
    const unexplained = !isEngineError(error, 'cancelled') && runFolder === undefined;
    if (controller.signal.aborted && unexplained) throw notBegun(error);
    throw withFolder(error, runFolder);
  } finally {
    view.end();
    offInterrupt();
    await engine?.stop();
  }
}

function notBegun(cause: unknown): EngineError {
  return new EngineError(
    'cancelled',
    {
      what: 'The work',
      expected: 'to run to its end',
      found: 'a request to stop before it began',
      action: 'Start it again.',
      sentence: 'Stopped before anything was begun.',
    },
    { cause },
  );
}

/** Names the run folder where an error advises to resume, so that the line can be copied. */
function withFolder(error: unknown, runFolder: string | undefined): unknown {
  if (runFolder === undefined || !isEngineError(error)) return error;
  const { problem } = error;
  const action = problem.action.replace(
    /"subnet resume RUN"/,
    `subnet resume ${quoted(runFolder)}`,
  );
  return new EngineError(error.code, { ...problem, action }, { cause: error });
}

function resumeHint(runFolder: string): string {
  return `Ended. Continue with: subnet resume ${quoted(runFolder)}`;
}

/** A path as a shell takes it. */
function quoted(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`;
}
