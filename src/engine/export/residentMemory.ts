import { readFile, writeFile } from 'node:fs/promises';

/**
 * Begins to watch the peak of this process's resident memory.
 * @returns  bytes from which growth counts: what is resident now, or, where the system cannot forget
 *   an earlier peak, that peak; null where it tells nothing
 */
export async function watchPeak(): Promise<number | null> {
  if (process.platform !== 'linux') return peakBytes();
  try {
    // 5 sets the high-water mark of resident memory back to what is resident.
    await writeFile('/proc/self/clear_refs', '5');
  } catch {
    // A kernel without it: the peak so far is a bound, too high rather than too low.
  }
  return peakBytes();
}

/** Peak of resident memory since {@link watchPeak}, bytes; null where the system does not tell. */
export async function peakBytes(): Promise<number | null> {
  // On Linux getrusage also counts what the parent held when it started this process.
  if (process.platform !== 'linux') return 1024 * process.resourceUsage().maxRSS;
  try {
    const status = await readFile('/proc/self/status', 'utf8');
    const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
    return kilobytes === undefined ? null : 1024 * Number(kilobytes);
  } catch {
    return null;
  }
}
