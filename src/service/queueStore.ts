import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as Type from 'typebox';
import { acceptsValue } from '../protocol/acceptsValue.ts';
import { writeFileAtomic } from '../engine/runs/atomicWrite.ts';
import type { Job } from '../protocol/serviceApi.ts';

const FILE = 'queue.json';

/** What is looked at before a job is believed; the rest is as we wrote it. */
const jobsSchema = Type.Array(
  Type.Object({
    id: Type.String(),
    title: Type.String(),
    state: Type.Enum(['queued', 'running']),
    submittedMs: Type.Number(),
    work: Type.Object({ kind: Type.Enum(['run', 'resume', 'evaluate', 'export', 'subnet']) }),
  }),
);

/**
 * Writes the jobs that a crash must not lose.
 * @param stateDir  folder of the service
 * @throws EngineError `disk`
 */
export function saveQueue(stateDir: string, jobs: readonly Job[]): void {
  writeFileAtomic(join(stateDir, FILE), `${JSON.stringify(jobs, null, 1)}\n`, 0o600);
}

/** The jobs that were saved last; none when there is no file, or no readable one. */
export function savedQueue(stateDir: string): readonly Job[] {
  try {
    const value: unknown = JSON.parse(readFileSync(join(stateDir, FILE), 'utf8'));
    return acceptsValue(jobsSchema, value) ? (value as unknown as readonly Job[]) : [];
  } catch {
    return [];
  }
}

/** True when a service has ended with work in its queue, which the next one takes over. */
export function hasUnfinishedWork(stateDir: string): boolean {
  return savedQueue(stateDir).length > 0;
}
