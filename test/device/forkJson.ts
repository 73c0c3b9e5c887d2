import { fork } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What a child process of a device test left. */
export interface ChildAnswer<T> {
  /** What it sent. */
  readonly value: T;
  readonly stderr: string;
}

/**
 * Runs a program of this folder in its own process and environment until it has sent one message.
 * @throws Error with the child's stderr when it ends without a message or takes too long
 */
export function forkJson<T>(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<ChildAnswer<T>> {
  const folder = mkdtempSync(join(tmpdir(), 'device-'));
  // A file, not a pipe: a full pipe that does not block makes the native log lose lines.
  const log = join(folder, 'stderr.txt');
  const file = openSync(log, 'w');
  const child = fork(fileURLToPath(new URL(program, import.meta.url)), [...args], {
    env: { ...process.env, ...env },
    execArgv: ['--import', import.meta.resolve('tsx')],
    stdio: ['ignore', 'inherit', file, 'ipc'],
    serialization: 'advanced',
    // A software GPU needs 10 s here, and several times that when other tests share the cores.
    timeout: 150_000,
    killSignal: 'SIGKILL',
  });
  closeSync(file);
  let value: T | undefined;
  child.on('message', (sent) => (value = sent as T));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      const stderr = readFileSync(log, 'utf8');
      rmSync(folder, { recursive: true, force: true });
      if (value !== undefined) resolve({ value, stderr });
      else reject(new Error(`${program} ended with ${signal ?? code}: ${stderr.slice(-2_000)}`));
    });
  });
}
