import { isAbsolute } from 'node:path';
import { EngineError } from '../protocol/errors.ts';
import type { Job, JobWork } from '../protocol/serviceApi.ts';

/**
 * Checks that every path of some work is absolute: the service has its own working folder, which
 * means nothing to who asks.
 * @throws EngineError `run` naming the first path that is not
 */
export function expectAbsolute(work: JobWork): void {
  for (const path of pathsOf(work)) expectAbsolutePath(path);
}

/** Checks one path as {@link expectAbsolute} does. */
export function expectAbsolutePath(path: string): void {
  if (typeof path === 'string' && isAbsolute(path)) return;
  throw new EngineError('run', {
    what: `The path ${JSON.stringify(path)}`,
    expected: 'an absolute path',
    found: 'a relative one',
    action: 'Give the whole path.',
    sentence: `The path ${JSON.stringify(path)} is not absolute.`,
  });
}

/** True when work is the very work of a job, or would continue the run that the job is about. */
export function sameWork(job: Job, work: JobWork): boolean {
  if (work.kind === 'resume' && work.runFolder === runFolderOf(job)) return true;
  return JSON.stringify(job.work) === JSON.stringify(work);
}

/** The run that a job starts or continues; null while it is not known, or when it does neither. */
function runFolderOf({ work, runFolder }: Job): string | null {
  if (work.kind === 'resume') return work.runFolder;
  return work.kind === 'run' ? runFolder : null;
}

function pathsOf(work: JobWork): string[] {
  switch (work.kind) {
    case 'run':
      return [work.configPath, ...(work.overrides?.out === undefined ? [] : [work.overrides.out])];
    case 'resume':
      return [work.runFolder];
    case 'evaluate':
      return [work.request.path, work.request.text];
    case 'export':
      return [work.request.path, ...(work.request.out === undefined ? [] : [work.request.out])];
    case 'subnet':
      return [work.request.runFolder];
    case 'compare':
      return [work.request.configPath];
  }
}
