import { readFile, writeFile } from 'node:fs/promises';

/** Resident memory of this process, bytes: now, and the peak since the last {@link resetPeak}. */
export interface ResidentMemory {
  readonly now: number;
  readonly peak: number;
}

/**
 * Sets the peak of resident memory back to what it is now.
 * @returns  false where the system cannot do so; peaks are then those of the process's whole life
 *   and say nothing about one model
 */
export async function resetPeak(): Promise<boolean> {
  try {
    // Linux: 5 resets the high-water mark of resident memory.
    await writeFile('/proc/self/clear_refs', '5');
    return true;
  } catch {
    return false;
  }
}

/** Resident memory; null where the system does not tell. */
export async function residentBytes(): Promise<ResidentMemory | null> {
  try {
    const status = await readFile('/proc/self/status', 'utf8');
    const field = (name: string): number => {
      const match = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status);
      return match === null ? NaN : 1024 * Number(match[1]);
    };
    const memory = { now: field('VmRSS'), peak: field('VmHWM') };
    return Number.isFinite(memory.now + memory.peak) ? memory : null;
  } catch {
    return null;
  }
}
