import { readSystemText, writeSystemText } from '../../files/systemText.ts';

/**
 * Begins to watch the peak of this process's resident memory.
 * @returns  bytes from which growth counts: what is resident now, or, where the system cannot forget
 *   an earlier peak, that peak; null where it says nothing
 */
export function watchPeak(): number | null {
  if (process.platform !== 'linux') return peakBytes();
  try {
    // 5 sets the high-water mark of resident memory back to what is resident.
    writeSystemText('/proc/self/clear_refs', '5');
  } catch {
    // A kernel without it: growth counts from the peak so far, so it comes out too low, never too high.
  }
  return peakBytes();
}

/** Peak of resident memory since {@link watchPeak}, bytes; null where the system says nothing. */
export function peakBytes(): number | null {
  // On Linux getrusage also counts what the parent held when it started this process.
  if (process.platform !== 'linux') return 1024 * process.resourceUsage().maxRSS;
  try {
    const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(readSystemText('/proc/self/status'))?.[1];
    return kilobytes === undefined ? null : 1024 * Number(kilobytes);
  } catch {
    return null;
  }
}
