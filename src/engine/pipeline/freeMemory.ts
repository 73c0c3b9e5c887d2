import { freemem, totalmem } from 'node:os';
import { readSystemText } from '../../files/systemText.ts';

/**
 * Memory that this process can have, bytes: what the machine has free, and in a container no more than
 * its limit leaves.
 */
export function freeMemory(): number {
  // macOS calls cached files used, though it gives them back.
  const free = process.platform === 'darwin' ? Math.max(freemem(), totalmem() / 2) : freemem();
  return Math.max(0, Math.min(free, leftInGroup()));
}

/** What the control group of a Linux container leaves; Infinity where none limits. */
function leftInGroup(): number {
  const limit = process.constrainedMemory();
  // Without a limit the system answers 0, or a number beyond any machine.
  if (limit === undefined || limit <= 0 || limit >= totalmem()) return Infinity;
  const used = numberIn('/sys/fs/cgroup/memory.current');
  if (used !== null) {
    return limit - used + (statOf('/sys/fs/cgroup/memory.stat', 'inactive_file') ?? 0);
  }
  const older = '/sys/fs/cgroup/memory/memory';
  const usedBefore = numberIn(`${older}.usage_in_bytes`);
  if (usedBefore === null) return limit - process.memoryUsage.rss();
  return limit - usedBefore + (statOf(`${older}.stat`, 'total_inactive_file') ?? 0);
}

function numberIn(path: string): number | null {
  const text = textOf(path)?.trim();
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : null;
}

/** Cached files count as used, though the system gives them back. */
function statOf(path: string, name: string): number | null {
  const found = new RegExp(`^${name} (\\d+)$`, 'm').exec(textOf(path) ?? '')?.[1];
  return found === undefined ? null : Number(found);
}

function textOf(path: string): string | undefined {
  try {
    return readSystemText(path);
  } catch {
    return undefined;
  }
}
