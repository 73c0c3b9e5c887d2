import { fork } from 'node:child_process';
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
  const child = fork(fileURLToPath(new URL(program, import.meta.url)), [...args], {
    env: { ...process.env, ...env },
    execArgv: ['--import', import.meta.resolve('tsx')],
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    // A software GPU needs 10 s here, and several times that when other tests share the cores.
    timeout: 150_000,
    killSignal: 'SIGKILL',
  });
  let stderr = '';
  let value: T | undefined;
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  child.on('message', (sent) => (value = sent as T));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (value !== undefined) resolve({ value, stderr });
      else reject(new Error(`${program} ended with ${signal ?? code}: ${stderr.slice(-2_000)}`));
    });
  });
}
