import { fork, type ChildProcess } from 'node:child_process';
import { cancelled, throwIfAborted } from '../../protocol/errors.ts';
import { type ChildProgram, childProgram } from '../processes/childProgram.ts';
import { classifyDeviceError } from './devicesClassify.ts';
import type { DeviceName } from './runtime.ts';

/** What the probe process sends, once. */
export type ProbeMessage =
  | {
      readonly kind: 'measured';
      /** Rate of a large MatMul. */
      readonly gflops: number;
      /** Largest difference to the CPU in the self-test, and where it was. */
      readonly maxDifference: number;
      readonly where: string;
    }
  | { readonly kind: 'failed'; readonly message: string };

/** What trying a device showed. */
export type ProbeResult =
  | { readonly ok: true; readonly gflops: number; readonly maxDifference: number }
  | {
      readonly ok: false;
      /** Short, without a full stop. */
      readonly reason: string;
      /** The user's next step. */
      readonly action: string;
      /** The rate of a device that runs but computes wrong numbers. */
      readonly gflops: number | null;
    };

/** Options of {@link probeDevice}. */
export interface ProbeOptions {
  /** Intra-operator threads, at least 1. */
  readonly threads: number;
  readonly signal?: AbortSignal | undefined;
  /** Time the probe may take, ms. */
  readonly timeoutMs?: number;
  /** Absent: the product's own. */
  readonly program?: ChildProgram;
}

/**
 * Largest difference to the CPU a float32 device may show in the self-test.
 * @source RUNTIME section 9
 */
export const SELF_TEST_TOLERANCE = 1e-3;

/** A real GPU takes seconds, a software one 20 on a busy machine, a driver that hangs for ever. */
const TIMEOUT_MS = 60_000;
/** Most of the child's stderr kept, UTF-16 units. */
const MOST_STDERR = 8_192;

/**
 * Tries a device by really using it in a process of its own: a driver that aborts takes down the
 * probe, not the engine.
 * @throws EngineError `cancelled`; a device that does not work is a result, not an error
 */
export async function probeDevice(device: DeviceName, options: ProbeOptions): Promise<ProbeResult> {
  throwIfAborted(options.signal);
  const { entry, execArgv } = options.program ?? childProgram('probe', 'pipeline/probeMain.ts');
  const child = fork(entry, [device, String(options.threads)], {
    execArgv: [...execArgv],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    // JSON would turn an infinite difference into null.
    serialization: 'advanced',
  });
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  let timedOut = false;
  const stop = (): void => void child.kill('SIGKILL');
  const timer = setTimeout(() => {
    timedOut = true;
    stop();
  }, timeoutMs);
  options.signal?.addEventListener('abort', stop);
  try {
    const end = await endOf(child);
    if (options.signal?.aborted === true) throw cancelled();
    if (end.message !== undefined) return judged(end.message);
    if (timedOut) return failed(`no answer within ${timeoutMs / 1000} s`);
    return failed(deathOf(end));
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', stop);
  }
}

interface ProbeEnd {
  readonly message: ProbeMessage | undefined;
  /** Exit code, name of a signal, or why the process could not be started. */
  readonly exit: string;
  readonly stderr: string;
}

function endOf(child: ChildProcess): Promise<ProbeEnd> {
  return new Promise((resolve) => {
    let message: ProbeMessage | undefined;
    let stderr = '';
    const end = (exit: string): void => resolve({ message, exit, stderr });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-MOST_STDERR);
    });
    child.on('message', (sent) => (message = sent as ProbeMessage));
    child.on('error', (error) => end(error.message));
    child.on('close', (code, signal) => end(signal ?? `exit code ${code}`));
  });
}

function judged(message: ProbeMessage): ProbeResult {
  if (message.kind === 'failed') return failed(message.message);
  const { gflops, maxDifference, where } = message;
  if (maxDifference <= SELF_TEST_TOLERANCE) return { ok: true, gflops, maxDifference };
  return {
    ok: false,
    reason: `wrong numbers: ${where} is off by ${maxDifference.toPrecision(2)}`,
    action: 'Update the driver, or use the device "cpu".',
    gflops,
  };
}

function failed(message: string): ProbeResult {
  const { cause, action } = classifyDeviceError(message);
  return { ok: false, reason: cause, action, gflops: null };
}

/** How a process that sent nothing ended, with what it printed about it: an error, or the last line. */
function deathOf({ exit, stderr }: ProbeEnd): string {
  const lines = stderr.split(/\r?\n/).filter((line) => !/^\s*$|^Node\.js v/.test(line));
  const words = lines.findLast((line) => /^(\w*Error)\b.*: /.test(line)) ?? lines.at(-1);
  return `the probe ended with ${exit}${words === undefined ? '' : `: ${words.trim()}`}`;
}
