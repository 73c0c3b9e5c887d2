import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { resumeRun } from '../../src/engine/pipeline/resumeRun.ts';
import { startRun } from '../../src/engine/pipeline/startRun.ts';
import type { RunOutcome, RunOverrides } from '../../src/protocol/engineApi.ts';
import { type EngineError, isEngineError } from '../../src/protocol/errors.ts';
import type { ResolvedConfig } from '../../src/protocol/runConfig.ts';
import type { RunEvent } from '../../src/protocol/runEvent.ts';

/** Called with each event and a function that asks the run to stop. */
export type Watch = (event: RunEvent, stop: () => void) => void;

/** A folder that is gone after the file's tests. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'subnet-pipeline-'));
  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

/** Runs a config in this process. */
export function start(
  config: string,
  options: { readonly watch?: Watch; readonly overrides?: RunOverrides } = {},
): Promise<RunOutcome> {
  return startRun(config, contextOf(options.watch), options.overrides);
}

/** Resumes a run in this process. */
export function resume(
  runFolder: string,
  watch?: Watch,
  device?: ResolvedConfig['device'],
): Promise<RunOutcome> {
  return resumeRun(runFolder, contextOf(watch), device);
}

/** The error that some work ends with; anything but an EngineError is thrown on. */
export async function errorOf(work: Promise<unknown>): Promise<EngineError> {
  try {
    await work;
  } catch (error) {
    if (isEngineError(error)) return error;
    throw error;
  }
  throw new Error('the work should have failed');
}

function contextOf(watch: Watch | undefined): {
  readonly signal: AbortSignal;
  emit(event: RunEvent): void;
} {
  const controller = new AbortController();
  return {
    signal: controller.signal,
    emit: (event) => watch?.(event, () => controller.abort()),
  };
}
