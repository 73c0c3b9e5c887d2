import type { ProbeMessage } from '../runtime/probe.ts';
import type { DeviceName } from '../runtime/runtime.ts';

/**
 * The probe process: tries the device named by its first argument with the threads of its second,
 * sends one {@link ProbeMessage} and ends.
 */
async function main(): Promise<void> {
  const [device, threads] = process.argv.slice(2);
  const message = await measured(device as DeviceName, Number(threads));
  process.send?.(message, () => process.exit(0));
}

async function measured(device: DeviceName, threads: number): Promise<ProbeMessage> {
  try {
    // Imported here, so that a native library that does not load is told like any other failure.
    const { Runtime } = await import('../runtime/runtime.ts');
    const { matMulRate } = await import('../runtime/probeRate.ts');
    const { selfTest } = await import('../graphs/selfTest.ts');
    const runtime = new Runtime(device, threads);
    const gflops = await matMulRate(runtime);
    return { kind: 'measured', gflops, ...(await selfTest(runtime)) };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return { kind: 'failed', message: cause instanceof Error ? cause.message : String(cause) };
  }
}

void main();
