import type { DeviceReport } from '../../protocol/runRecord.ts';
import { deviceTitle } from '../../protocol/deviceTitle.ts';
import { EngineError, throwIfAborted } from '../../protocol/errors.ts';
import { deviceCandidates, platformFacts } from './devicesCandidates.ts';
import { engineThreads } from './devicesThreads.ts';
import { probeDevice, type ProbeResult } from './probe.ts';
import type { DeviceName } from './runtime.ts';

/** The device of a run and how it was found. */
export interface DeviceChoice {
  readonly device: DeviceName;
  /** CPU threads, at least 1; parts of the work stay on the CPU whatever the device. */
  readonly threads: number;
  /** Every device that was considered; exactly one is chosen. */
  readonly reports: readonly DeviceReport[];
  /** For people, e.g. `Using CPU (118 GFLOP/s, 2 threads). WebGPU skipped: no adapter found.` */
  readonly summary: string;
}

/** Options of {@link chooseDevice}. */
export interface ChooseOptions {
  /** CPU threads; 0: one per physical core. */
  readonly threads: number;
  readonly signal?: AbortSignal | undefined;
  /** How a device is tried; absent: {@link probeDevice}, once per process. */
  readonly probe?: Probe;
}

/** Tries one device. */
export type Probe = (
  device: DeviceName,
  options: { readonly threads: number; readonly signal?: AbortSignal | undefined },
) => Promise<ProbeResult>;

/** Probes of this process by device and threads: hardware does not change under a run. */
const probes = new Map<string, Promise<ProbeResult>>();

/**
 * Finds the device to run on.
 *
 * `auto` tries every device worth a try and takes the fastest that passes the self-test; the CPU is
 * always one of them. A device that is named must work: nothing else is taken in its place.
 * @throws EngineError `device` with the reason and what to do; `cancelled`
 */
export async function chooseDevice(
  requested: 'auto' | DeviceName,
  options: ChooseOptions,
): Promise<DeviceChoice> {
  const threads = engineThreads(options.threads);
  const probe = options.probe ?? probeOnce;
  const tries: Try[] = [];
  for (const { device, candidate, reason } of deviceCandidates(await platformFacts())) {
    if (requested !== 'auto' && requested !== device) continue;
    throwIfAborted(options.signal);
    const result = candidate
      ? await probe(device, { threads, signal: options.signal })
      : notHere(reason);
    tries.push({ device, candidate, result });
  }
  const chosen = fastest(tries);
  if (chosen === undefined) throw refusal(requested, tries);
  const reports = tries.map((one) => reportOf(one, chosen, threads, requested));
  return { device: chosen.device, threads, reports, summary: summaryOf(tries, reports) };
}

interface Try {
  readonly device: DeviceName;
  readonly candidate: boolean;
  readonly result: ProbeResult;
}

function probeOnce(
  device: DeviceName,
  options: { readonly threads: number; readonly signal?: AbortSignal | undefined },
): Promise<ProbeResult> {
  const key = `${device} ${options.threads}`;
  let result = probes.get(key);
  if (result === undefined) {
    result = probeDevice(device, options);
    probes.set(key, result);
    // A probe that was cancelled tells nothing.
    result.catch(() => probes.delete(key));
  }
  return result;
}

function notHere(reason: string): ProbeResult {
  const action = 'Run "subnet devices" and choose a device that works here.';
  return { ok: false, reason, action, gflops: null };
}

function fastest(tries: readonly Try[]): Try | undefined {
  let best: Try | undefined;
  for (const one of tries) {
    if (one.result.ok && (best === undefined || rateOf(one) > rateOf(best))) best = one;
  }
  return best;
}

function rateOf({ result }: Try): number {
  return result.gflops ?? 0;
}

function reportOf(one: Try, chosen: Try, threads: number, requested: string): DeviceReport {
  const { device, result } = one;
  const asked = requested === 'auto' ? 'the fastest that passed the self-test' : 'asked for';
  const slower = `slower (${rounded(rateOf(one))} against ${rounded(rateOf(chosen))} GFLOP/s)`;
  return {
    device,
    ok: result.ok,
    chosen: one === chosen,
    reason: !result.ok ? result.reason : one === chosen ? asked : slower,
    gflops: result.gflops,
    threads: device === 'cpu' ? threads : null,
  };
}

/** Devices that were never worth a try here are left out: they would bury the one that matters. */
function summaryOf(tries: readonly Try[], reports: readonly DeviceReport[]): string {
  let [using, skipped] = ['', ''];
  for (const [i, { device, candidate }] of tries.entries()) {
    const { chosen, reason, gflops, threads } = reports[i] as DeviceReport;
    if (chosen) {
      const count = threads === null ? '' : `, ${threads} thread${threads === 1 ? '' : 's'}`;
      using = `Using ${deviceTitle(device)} (${rounded(gflops ?? 0)} GFLOP/s${count}).`;
    } else if (candidate) {
      skipped += ` ${deviceTitle(device)} skipped: ${reason}.`;
    }
  }
  return using + skipped;
}

function refusal(requested: 'auto' | DeviceName, tries: readonly Try[]): EngineError {
  const failures = tries.flatMap(({ device, result }) =>
    result.ok ? [] : [{ device, reason: result.reason, action: result.action }],
  );
  const action = failures[0]?.action ?? 'Run "subnet devices".';
  if (requested !== 'auto') {
    const found = failures[0]?.reason ?? 'it was not tried';
    return new EngineError('device', {
      ...{ what: `Device "${requested}"`, expected: 'to pass the self-test', found, action },
      sentence: `${deviceTitle(requested)} is not available: ${found}.`,
    });
  }
  const found = failures
    .map(({ device, reason }) => `${deviceTitle(device)}: ${reason}`)
    .join('; ');
  return new EngineError('device', {
    ...{ what: 'Devices', expected: 'one that passes the self-test', found, action },
    sentence: `No device works on this machine. ${found}.`,
  });
}

function rounded(gflops: number): string {
  return gflops >= 10 ? gflops.toFixed(0) : gflops.toPrecision(2);
}
