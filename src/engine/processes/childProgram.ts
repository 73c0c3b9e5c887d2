import { fork, type ChildProcess } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { cancelled, throwIfAborted } from '../../protocol/errors.ts';

/** How to start a program that does one thing in a process of its own, sends a message and ends. */
export interface ChildProgram {
  /** The program to fork. */
  readonly entry: string;
  /** Options of Node in front of it. */
  readonly execArgv: readonly string[];
}

/** How a child process ended. */
export interface ChildEnd<Message> {
  /** What it sent, unchecked; undefined when it sent nothing. */
  readonly message: Message | undefined;
  /** Exit code, name of a signal, or why the process could not be started. */
  readonly exit: string;
  readonly stderr: string;
  readonly timedOut: boolean;
}

/** Sources of the programs, relative to the engine's. */
const SOURCES = {
  probe: 'pipeline/probeMain.ts',
  memory: 'pipeline/memoryMain.ts',
  tokenizer: 'tokenizer/tokenizerMain.ts',
} as const;

/** Most of the child's stderr kept, UTF-16 units. */
const MOST_STDERR = 8_192;

/**
 * Where this code runs from: a bundle in `dist`, or its source through tsx.
 * @returns `from`: file (path or URL) that packages are resolved from; `folder`: the folder it is in
 */
export function programPlace(): {
  readonly bundled: boolean;
  readonly from: string;
  readonly folder: string;
} {
  // Only a CommonJS bundle has `__filename`, and only a module has `import.meta.url`.
  if (typeof __filename === 'string') {
    return { bundled: true, from: __filename, folder: dirname(__filename) };
  }
  const from = import.meta.url;
  return { bundled: false, from, folder: dirname(fileURLToPath(from)) };
}

/**
 * The program of a name beside this bundle, or its source when this process runs the source itself.
 *
 * Run from its source, the folder of programs can be named in `SUBNET_PROGRAMS`: tests bundle them
 * once, because compiling takes longer than most of what they do.
 * @param name  `NAME.cjs` of `dist`
 */
export function childProgram(name: keyof typeof SOURCES): ChildProgram {
  const { bundled, from, folder } = programPlace();
  if (bundled) return { entry: join(folder, `${name}.cjs`), execArgv: [] };
  const programs = process.env['SUBNET_PROGRAMS'];
  if (programs !== undefined) return { entry: join(programs, `${name}.cjs`), execArgv: [] };
  return {
    entry: join(folder, '..', SOURCES[name]),
    execArgv: ['--import', pathToFileURL(createRequire(from).resolve('tsx')).href],
  };
}

/**
 * Runs a program to its end. It inherits the environment.
 * @param args  its arguments
 * @throws EngineError `cancelled`; a program that fails is a result, not an error
 */
export async function runChild<Message>(
  { entry, execArgv }: ChildProgram,
  args: readonly string[],
  options: { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined },
): Promise<ChildEnd<Message>> {
  const { timeoutMs, signal } = options;
  throwIfAborted(signal);
  const child = fork(entry, [...args], {
    execArgv: [...execArgv],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    // JSON would turn an infinite number into null.
    serialization: 'advanced',
  });
  let timedOut = false;
  const stop = (): void => void child.kill('SIGKILL');
  const timer = setTimeout(() => {
    timedOut = true;
    stop();
  }, timeoutMs);
  signal?.addEventListener('abort', stop);
  try {
    const end = await endOf<Message>(child);
    if (signal?.aborted === true) throw cancelled();
    return { ...end, timedOut };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
  }
}

/** How a process that sent nothing ended, with what it printed about it: an error, or the last line. */
export function deathOf({ exit, stderr }: ChildEnd<unknown>): string {
  const lines = stderr.split(/\r?\n/).filter((line) => !/^\s*$|^Node\.js v/.test(line));
  const words = lines.findLast((line) => /^(\w*Error)\b.*: /.test(line)) ?? lines.at(-1);
  return words === undefined ? exit : `${exit}: ${words.trim()}`;
}

function endOf<Message>(child: ChildProcess): Promise<Omit<ChildEnd<Message>, 'timedOut'>> {
  return new Promise((resolve) => {
    let message: Message | undefined;
    let stderr = '';
    const end = (exit: string): void => resolve({ message, exit, stderr });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-MOST_STDERR);
    });
    child.on('message', (sent) => (message = sent as Message));
    child.on('error', (error) => end(error.message));
    child.on('close', (code, signal) => end(signal ?? `exit code ${code}`));
  });
}
