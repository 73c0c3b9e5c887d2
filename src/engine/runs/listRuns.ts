import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { decodeEventLines } from '../../protocol/decodeEvent.ts';
import type { RunEvent, UnknownRunEvent } from '../../protocol/runEvent.ts';
import type { RunState, RunSummary, StageName } from '../../protocol/runRecord.ts';
import { onDisk } from '../../files/writeFile.ts';
import { insideFolder } from '../../files/insideFolder.ts';
import { readJsonLines } from './jsonLines.ts';
import { readManifest, readResults, runFiles } from './runLayout.ts';
import { isRunLocked } from './runLock.ts';

/**
 * Summaries of the runs in a folder, newest first; those that cannot be read come last, each as one
 * row that says why.
 * @param root  see `runsRootOf`; an absent folder has no runs
 * @throws EngineError `disk` when the folder itself cannot be read
 */
export function listRuns(root: string): RunSummary[] {
  const path = resolve(root);
  if (!existsSync(path)) return [];
  const names = onDisk(path, () => readdirSync(path, { withFileTypes: true }))
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
    .map(({ name }) => name)
    .sort();
  return names.map((name) => summariseRun(join(path, name), name)).sort(newestFirst);
}

/** One run as a row of a list; never throws. @param id  name shown when it cannot be read */
export function summariseRun(folder: string, id: string): RunSummary {
  try {
    const manifest = readManifest(folder);
    const { events } = decodeEventLines(tellingLines(folder));
    const { ratio } = manifest.config;
    return {
      kind: 'run',
      folder,
      id: manifest.id,
      name: manifest.name,
      createdMs: manifest.createdMs,
      ratio: typeof ratio === 'number' ? ratio : null,
      figures: readResults(folder)?.figures ?? null,
      ...replay(events, isRunLocked(folder)),
    };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { kind: 'corrupt', folder, id, message };
  }
}

/** Lines of a log without those that say nothing of the run as a whole, which are nearly all. */
function tellingLines(folder: string): string[] {
  const { lines } = readJsonLines(insideFolder(folder, runFiles.events));
  return lines.filter((line) => !DETAIL.test(line));
}

/** Events begin with their kind, see `RunFolder.append`. */
const DETAIL = /^\{"kind":"(?:evaluated|stageProgress)"/;

/** The event log of a run, also of one that is being written. */
export function readRunEvents(folder: string): {
  readonly events: readonly (RunEvent | UnknownRunEvent)[];
  readonly damaged: number;
} {
  const path = insideFolder(folder, runFiles.events);
  return decodeEventLines(readJsonLines(path).lines);
}

interface Replayed {
  readonly state: RunState;
  readonly stage: StageName | null;
  readonly generation: number | null;
  readonly bestFitness: number | null;
  readonly message: string | null;
}

/**
 * A run whose process is gone without a last word was stopped, whatever its log says. Stages told
 * after its last word are work on one of its subnets and say nothing of the run.
 */
function replay(events: readonly (RunEvent | UnknownRunEvent)[], locked: boolean): Replayed {
  let state: RunState = 'queued';
  let stage: StageName | null = null;
  let generation: number | null = null;
  let bestFitness: number | null = null;
  let message: string | null = null;
  for (const event of events) {
    if (event.kind === 'runStarted') [state, message] = ['running', null];
    else if (event.kind === 'runFinished') state = 'finished';
    else if (event.kind === 'runStopped') state = 'stopped';
    else if (event.kind === 'runFailed') [state, message] = ['failed', event.message];
    else if (event.kind === 'stageStarted') {
      if (state === 'running') stage = event.stage;
    } else if (event.kind === 'generationFinished') {
      [generation, bestFitness] = [event.generation, event.best];
    }
  }
  if (state === 'running' && !locked) {
    [state, message] = ['stopped', 'The engine ended without a word; resume the run.'];
  }
  return { state, stage, generation, bestFitness, message };
}

function newestFirst(a: RunSummary, b: RunSummary): number {
  if (a.kind === 'run' && b.kind === 'run') return b.createdMs - a.createdMs;
  if (a.kind === b.kind) return a.id < b.id ? -1 : 1;
  return a.kind === 'run' ? -1 : 1;
}
