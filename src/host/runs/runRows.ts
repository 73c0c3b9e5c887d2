import { basename } from 'node:path';
import type { Job } from '../../protocol/serviceApi.ts';
import { folderOf, isRunJob } from '../service/serviceHandle.ts';
import type { RunRow, ShownState } from './runEntry.ts';
import { runKey } from './runKey.ts';
import type { RunReading } from './runLog.ts';

/** A run folder and what was read of it. */
export interface ReadRun {
  readonly key: string;
  readonly folder: string;
  readonly reading: RunReading;
}

/**
 * The list of runs: what is on disk, joined with what the service does and will do.
 * @param homeOf  name of the workspace folder of a path
 * @returns queued runs without a folder first, in the order of the queue; then runs, newest first;
 *   then folders that cannot be read
 */
export function runRows(
  runs: readonly ReadRun[],
  jobs: readonly Job[],
  homeOf: (path: string) => string,
): RunRow[] {
  const queue = jobs.filter(({ state }) => state === 'queued');
  const rows = runs.map((run) => rowOf(run, jobs, queue, homeOf(run.folder)));
  const known = new Set(runs.map(({ key }) => key));
  const waiting = queue.flatMap((job, i): RunRow[] => {
    const { work } = job;
    const folder = folderOf(job);
    if (work.kind !== 'run' || (folder !== null && known.has(runKey(folder)))) return [];
    const { configPath } = work;
    return [{ kind: 'queued', job, configPath, place: i + 1, home: homeOf(configPath) }];
  });
  return [...waiting, ...rows.sort(newestFirst)];
}

function rowOf(
  { key, folder, reading }: ReadRun,
  jobs: readonly Job[],
  queue: readonly Job[],
  home: string,
): RunRow {
  if (reading.kind === 'broken') {
    return { kind: 'broken', key, folder, id: basename(folder), message: reading.message, home };
  }
  const mine = jobs.filter((job) => keyOfJob(job) === key);
  const job = mine.find((one) => isRunJob(one) && isOpen(one)) ?? null;
  const work = mine.find((one) => !isRunJob(one) && isOpen(one));
  const { manifest, digest, held } = reading;
  return {
    ...{ kind: 'run', key, folder, manifest, digest, job, home },
    state: shownState(reading, held, job),
    queuePlace: job?.state === 'queued' ? queue.indexOf(job) + 1 : null,
    busyWith: work?.title ?? null,
    busyFraction: work?.state === 'running' ? work.fraction : null,
  };
}

/** The run a job works on; null while it has no folder. */
export function keyOfJob(job: Job): string | null {
  const folder = folderOf(job);
  return folder === null ? null : runKey(folder);
}

function shownState(
  { digest }: RunReading & { readonly kind: 'run' },
  held: boolean,
  job: Job | null,
): ShownState {
  if (job?.state === 'queued') return 'queued';
  if (job?.state === 'running') return 'running';
  if (digest.state === 'running') return held ? 'running' : 'interrupted';
  if (digest.state === 'stopped' || digest.state === 'queued') {
    return digest.state === 'stopped' ? 'paused' : 'interrupted';
  }
  return digest.state;
}

function isOpen({ state }: Job): boolean {
  return state === 'queued' || state === 'running';
}

function newestFirst(a: RunRow, b: RunRow): number {
  if (a.kind === 'run' && b.kind === 'run') return b.manifest.createdMs - a.manifest.createdMs;
  if (a.kind === b.kind) return idOf(a) < idOf(b) ? -1 : 1;
  return a.kind === 'run' ? -1 : 1;
}

function idOf(row: RunRow): string {
  return row.kind === 'queued' ? row.job.id : row.folder;
}
