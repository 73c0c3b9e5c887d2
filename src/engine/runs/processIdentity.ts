import { execFileSync } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { readSystemText } from '../../files/systemText.ts';

/** A process by its number, and when it began: numbers are used again. */
export interface ProcessIdentity {
  readonly pid: number;
  /** In the system's own words; null when the system does not tell. */
  readonly started: string | null;
}

/** True while this very process runs on this machine. */
export function isLiving({ pid, started }: ProcessIdentity): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    const refused = error instanceof Error && 'code' in error && error.code === 'EPERM';
    if (!refused) return false;
  }
  if (isZombie(pid)) return false;
  const now = startOf(pid);
  return started === null || now === null || now === started;
}

/**
 * True for a process that has ended but still has a number, because its parent has not asked how it
 * ended. In a container whose first process never asks, that is for ever.
 */
function isZombie(pid: number): boolean {
  if (process.platform !== 'linux') return false;
  try {
    return /^[ZX]/.test(statOf(pid)[0] ?? '');
  } catch {
    return false;
  }
}

/**
 * When a process began, in the system's own words: tells it from a later one with its old number.
 * @returns null when the system does not tell
 */
export function startOf(pid: number): string | null {
  try {
    if (process.platform === 'linux') {
      const ticks = statOf(pid)[19];
      const boot = readSystemText('/proc/sys/kernel/random/boot_id').trim();
      return ticks === undefined ? null : `${boot}:${ticks}`;
    }
    if (process.platform === 'darwin') {
      return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
    }
  } catch {
    return null;
  }
  return null;
}

/**
 * Where the number of a process means something: a start of a machine and, on Linux, a namespace of
 * process numbers, as each container has its own.
 */
export function processSpace(): string {
  space ??= findSpace();
  return space;
}

let space: string | undefined;

function findSpace(): string {
  if (process.platform !== 'linux') return hostname();
  try {
    const boot = readSystemText('/proc/sys/kernel/random/boot_id').trim();
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return hostname();
  }
}

/** Fields of /proc/PID/stat from the third on: 0 is the state, 19 the start in clock ticks. */
function statOf(pid: number): string[] {
  const stat = readSystemText(`/proc/${pid}/stat`);
  // The second field is the program's name in brackets, which may hold blanks and brackets.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}
