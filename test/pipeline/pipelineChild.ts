import { createRequire } from 'node:module';
import { startRun } from '../../src/engine/pipeline/startRun.ts';
import { resumeRun } from '../../src/engine/pipeline/resumeRun.ts';
import { isEngineError } from '../../src/protocol/errors.ts';
import type { RunEvent } from '../../src/protocol/runEvent.ts';

// A process that runs or resumes a run and may kill itself on the way, at an event or in the middle
// of writing to the disk, and may be given less memory than there is. Arguments: start CONFIG | resume RUN. Bundled as CommonJS, so that calls
// of `node:fs` go through its exports and can be counted.

/** When a process is to kill itself. */
export interface KillAt {
  /** Just after this event was written … */
  readonly event?: RunEvent['kind'];
  /** … of this stage … */
  readonly stage?: string;
  /** … for the n-th time, from 1; or at the n-th call that changes the disk. */
  readonly count: number;
}

/** What the process prints when it ends by itself. */
export type ChildEnd =
  | { readonly ok: true; readonly runFolder: string; readonly writes: number }
  | { readonly ok: false; readonly code: string; readonly message: string };

const killAt = JSON.parse(process.env['KILL_AT'] ?? 'null') as KillAt | null;
const freeBytes = JSON.parse(process.env['FREE_BYTES'] ?? 'null') as number | null;
let seen = 0;
let writes = 0;

function die(): never {
  process.kill(process.pid, 'SIGKILL');
  // The signal is on its way; nothing may happen in the meantime.
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

function countWrite(): boolean {
  writes++;
  return killAt !== null && killAt.event === undefined && writes === killAt.count;
}

type AnyFunction = (...args: unknown[]) => unknown;

/** Dies before the chosen call, or half way through it where it writes bytes. */
function watchWrites(): void {
  const load = createRequire(process.argv[1]!);
  const fs = load('node:fs') as Record<string, AnyFunction>;
  for (const name of [
    'renameSync',
    'fsyncSync',
    'mkdirSync',
    'linkSync',
    'rmSync',
    'ftruncateSync',
  ]) {
    const original = fs[name]!;
    fs[name] = (...args) => {
      if (countWrite()) die();
      return original(...args);
    };
  }
  for (const name of ['writeSync', 'writeFileSync', 'appendFileSync']) {
    const original = fs[name]!;
    fs[name] = (...args) => {
      if (!countWrite()) return original(...args);
      original(args[0], half(args[1]));
      die();
    };
  }
  const promises = load('node:fs/promises') as Record<string, AnyFunction>;
  for (const name of ['rename', 'rm', 'mkdir', 'open']) {
    const original = promises[name]!;
    promises[name] = (...args) => {
      if (countWrite()) die();
      return original(...args);
    };
  }
}

function half(data: unknown): unknown {
  if (typeof data === 'string') return data.slice(0, data.length / 2);
  return data instanceof Uint8Array ? data.subarray(0, data.length / 2) : data;
}

function onEvent(event: RunEvent): void {
  if (killAt?.event !== event.kind) return;
  if (killAt.stage !== undefined && (!('stage' in event) || event.stage !== killAt.stage)) return;
  if (++seen === killAt.count) die();
}

async function main(): Promise<void> {
  watchWrites();
  const [what, path] = process.argv.slice(2);
  const work = what === 'start' ? startRun : resumeRun;
  const memory = freeBytes === null ? {} : { freeBytes };
  const context = { signal: new AbortController().signal, emit: onEvent, ...memory };
  let end: ChildEnd;
  try {
    end = { ok: true, runFolder: (await work(path!, context)).runFolder, writes };
  } catch (error) {
    const code = isEngineError(error) ? error.code : 'bug';
    end = {
      ok: false,
      code,
      message: error instanceof Error ? (error.stack ?? error.message) : String(error),
    };
  }
  console.log(JSON.stringify(end));
}

void main();
