import { type ChildProgram, childProgram, deathOf, runChild } from './childProgram.ts';
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

/**
 * Tries a device by really using it in a process of its own: a driver that aborts takes down the
 * probe, not the engine.
 * @throws EngineError `cancelled`; a device that does not work is a result, not an error
 */
export async function probeDevice(device: DeviceName, options: ProbeOptions): Promise<ProbeResult> {
  const { threads, signal, timeoutMs = TIMEOUT_MS } = options;
  const program = options.program ?? childProgram('probe');
  const end = await runChild<ProbeMessage>(program, [device, String(threads)], {
    timeoutMs,
    signal,
  });
  if (end.message !== undefined) return judged(end.message);
  if (end.timedOut) return failed(`no answer within ${timeoutMs / 1000} s`);
  return failed(`the probe ended with ${deathOf(end)}`);
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
