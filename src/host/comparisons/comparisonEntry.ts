import { basename, dirname } from 'node:path';
import type { FoundComparison } from '../../dashboard/reader/comparisons.ts';
import type { ComparisonTable } from '../../protocol/comparisonTable.ts';
import type { Job } from '../../protocol/serviceApi.ts';
import type { ShownState } from '../runs/runEntry.ts';
import { isActive } from '../service/serviceHandle.ts';

/** A comparison of methods: on disk, or only a job so far. */
export interface ComparisonEntry {
  /** What tells comparisons apart: the folder, or the job of one that has none yet. */
  readonly id: string;
  /** Null before its engine has made it. */
  readonly folder: string | null;
  readonly name: string;
  /** Null for one that cannot be read and whose config is not known for that. */
  readonly configPath: string | null;
  readonly table: ComparisonTable | null;
  /** Why it cannot be read; empty otherwise. */
  readonly problem: string;
  /** `paused`: stopped, or its engine is gone; what was done is kept. */
  readonly state: ShownState;
  /** The service's job that works on it. */
  readonly job: Job | null;
  readonly startedMs: number;
  readonly home: string;
}

/** The config of a job that compares; undefined for other work. */
export function comparedConfig({ work }: Job): string | undefined {
  return work.kind === 'compare' ? work.request.configPath : undefined;
}

/**
 * The comparison that Pause means: the one it was called on, or the one that runs.
 * @param target  undefined when the command was called bare
 */
export function comparingJob(
  jobs: readonly Job[],
  target: { readonly job?: string } | undefined,
): Job | undefined {
  return jobs.find(
    (job) =>
      comparedConfig(job) !== undefined &&
      (target === undefined ? job.state === 'running' : job.id === target.job),
  );
}

/**
 * What is on disk, joined with what the service does and will do.
 * @param found  newest first
 * @param homeOf  name of the workspace folder of a path
 * @returns those at work first, then newest first, then those that cannot be read
 */
export function comparisonEntries(
  found: readonly FoundComparison[],
  jobs: readonly Job[],
  homeOf: (path: string) => string,
): ComparisonEntry[] {
  const waiting = jobs.filter((job) => isActive(job) && comparedConfig(job) !== undefined);
  const kept = found.map((one): ComparisonEntry => {
    const place = { id: one.folder, folder: one.folder, home: homeOf(one.folder) };
    if ('problem' in one) return { ...place, ...broken(one) };
    const { table } = one;
    const at = waiting.findIndex((job) => writes(job, table));
    const job = at < 0 ? null : waiting.splice(at, 1)[0]!;
    const { name, configPath, startedMs } = table;
    const state = job !== null ? 'running' : table.state === 'stopped' ? 'paused' : table.state;
    return { ...place, name, configPath, table, problem: '', state, job, startedMs };
  });
  const begun = waiting.map((job): ComparisonEntry => {
    const configPath = comparedConfig(job)!;
    return {
      ...{ id: `job:${job.id}`, folder: null, name: nameOf(configPath), configPath, table: null },
      ...{ problem: '', state: job.state === 'queued' ? 'queued' : 'running', job },
      ...{ startedMs: job.submittedMs, home: homeOf(configPath) },
    };
  });
  return [...begun, ...kept];
}

/** The name of a config by its file. */
export function nameOf(configPath: string): string {
  return basename(configPath).replace(/\.subnet\.jsonc$/, '');
}

/** True for a job that has written to this table; another setting has another table. */
function writes(job: Job, { configPath, updatedMs }: ComparisonTable): boolean {
  return comparedConfig(job) === configPath && job.startedMs !== null && updatedMs >= job.startedMs;
}

function broken({
  folder,
  problem,
}: FoundComparison & { readonly problem: string }): Omit<
  ComparisonEntry,
  'id' | 'folder' | 'home'
> {
  const home = dirname(dirname(dirname(folder)));
  return {
    ...{ name: basename(folder), configPath: null, table: null, problem, state: 'failed' },
    ...{ job: null, startedMs: 0, home: basename(home) },
  };
}
