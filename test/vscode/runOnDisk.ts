import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { LONG_MS } from './oneEditor.ts';

/** The one run of a folder. */
export function onlyRun(folder: string): string {
  const root = join(folder, '.subnet', 'runs');
  const [id, ...others] = readdirSync(root).filter((name) => !name.startsWith('.'));
  assert.ok(id !== undefined && others.length === 0, `${root} holds not one run`);
  return join(root, id);
}

/** Events of one kind in a run's log. */
export function countEvents(runFolder: string, kind: string): number {
  const text = readFileSync(join(runFolder, 'events.jsonl'), 'utf8');
  return text.split(`{"kind":"${kind}"`).length - 1;
}

/** The process that works on a run. */
export function lockOwner(runFolder: string): number {
  return (readJson(join(runFolder, 'lock.json')) as { readonly pid: number }).pid;
}

/** A JSON file that must be there. */
export function readJson(path: string): unknown {
  assert.ok(existsSync(path), `${path} does not exist`);
  return JSON.parse(readFileSync(path, 'utf8'));
}

/** Waits until something holds. */
export async function eventually(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + LONG_MS;
  while (!(await holds())) {
    assert.ok(performance.now() < deadline, 'it did not come true in time');
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
