import { join } from 'node:path';
import * as Type from 'typebox';
import { readChecked, writeChecked, type CheckedFormat } from '../files/checkedJson.ts';
import { readPlainText } from '../files/plainFile.ts';
import { releaseQuietly } from '../files/release.ts';
import { replaceFile } from '../files/writeFile.ts';
import { acceptsValue } from '../protocol/acceptsValue.ts';
import { decodeWork } from '../protocol/jobWork.ts';
import type { Job } from '../protocol/serviceApi.ts';

const FILE = 'queue.json';
const DAMAGED_FILE = 'queue.damaged.json';
const FORMAT: CheckedFormat = { field: 'jobs', head: { schemaVersion: 1 } };
/** Far more than a queue of thousands of jobs takes. */
const MOST_BYTES = 64_000_000;

const jobSchema = Type.Object({
  id: Type.String({ maxLength: 80 }),
  title: Type.String({ maxLength: 4096 }),
  state: Type.Enum(['queued', 'running']),
  submittedMs: Type.Number(),
  runFolder: Type.Optional(Type.Union([Type.String({ maxLength: 4096 }), Type.Null()])),
  work: Type.Unknown(),
});

/** What a service that ended has left. */
export interface SavedQueue {
  readonly jobs: readonly Job[];
  /** What could not be taken over, a sentence each. */
  readonly problems: readonly string[];
}

/**
 * Writes the jobs that a crash must not lose.
 * @param stateDir  folder of the service
 * @throws EngineError `disk`
 */
export function saveQueue(stateDir: string, jobs: readonly Job[]): void {
  const kept = jobs.map(({ id, work, title, state, submittedMs, runFolder }) => ({
    id,
    work,
    title,
    state,
    submittedMs,
    runFolder,
  }));
  writeChecked(join(stateDir, FILE), FORMAT, kept, 0o600);
}

/**
 * The jobs that were saved last. Of a damaged file every job that can still be read is taken over, and
 * the file is kept beside the new one.
 */
export function savedQueue(stateDir: string): SavedQueue {
  const path = join(stateDir, FILE);
  try {
    const read = readChecked(path, FORMAT, MOST_BYTES);
    if (read.kind === 'absent') return { jobs: [], problems: [] };
    if (read.kind === 'whole') return jobsIn(read.value);
    const text = readPlainText(path, { links: 'refused', mostBytes: MOST_BYTES }) ?? '';
    const { jobs, problems } = salvaged(text);
    // An older version wrote the list alone.
    if (jobs.length > 0 && problems.length === 0 && text.startsWith('[')) return { jobs, problems };
    releaseQuietly(() => {
      replaceFile(join(stateDir, DAMAGED_FILE), text, 0o600);
    });
    const note = `The saved queue is damaged: ${jobs.length} jobs of it are taken over; it is kept as ${DAMAGED_FILE}.`;
    return { jobs, problems: [note, ...problems] };
  } catch (error) {
    return { jobs: [], problems: [`The saved queue cannot be read: ${String(error)}`] };
  }
}

function salvaged(text: string): SavedQueue {
  try {
    const value: unknown = JSON.parse(text);
    return jobsIn(Array.isArray(value) ? value : (value as { jobs?: unknown } | null)?.jobs);
  } catch {
    return { jobs: [], problems: [] };
  }
}

/** Job by job, so that one that is not understood does not cost the others. */
function jobsIn(value: unknown): SavedQueue {
  const jobs: Job[] = [];
  const problems: string[] = [];
  for (const [i, one] of (Array.isArray(value) ? value : []).entries()) {
    try {
      jobs.push(jobOf(one, `Job ${i + 1} of the saved queue`));
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error));
    }
  }
  return { jobs, problems };
}

function jobOf(value: unknown, what: string): Job {
  if (!acceptsValue(jobSchema, value)) throw new Error(`${what} is not a job.`);
  return {
    id: value.id,
    work: decodeWork(value.work, what),
    title: value.title,
    state: value.state,
    submittedMs: value.submittedMs,
    startedMs: null,
    endedMs: null,
    runFolder: value.runFolder ?? null,
    stage: null,
    fraction: null,
    etaMs: null,
    pid: null,
    error: null,
    result: null,
  };
}
