import { readSystemText } from '../../files/systemText.ts';
import { arch, availableParallelism, platform } from 'node:os';

/**
 * Threads the engine should use: as asked, or one per physical core this process may use.
 *
 * Two threads on one core make ONNX Runtime slower, not faster (RUNTIME section 7).
 * @param requested  0: choose
 */
export function engineThreads(requested: number): number {
  return requested > 0 ? requested : physicalCores();
}

/** Physical cores this process may use, as far as Node can tell; at least 1. */
export function physicalCores(): number {
  const logical = availableParallelism();
  const sharing = platform() === 'linux' ? threadsPerCore(readSiblings()) : assumedSharing();
  return Math.max(1, Math.ceil(logical / sharing));
}

/**
 * Hardware threads that share one core.
 * @param siblings  Linux's list of the CPUs on the core of CPU 0, e.g. `0,64` or `0-1`
 */
export function threadsPerCore(siblings: string): number {
  let count = 0;
  for (const part of siblings.trim().split(',')) {
    const [first, last = first] = part.split('-').map(Number);
    if (first === undefined || last === undefined || !(last >= first)) return 1;
    count += last - first + 1;
  }
  return Math.max(1, count);
}

function readSiblings(): string {
  try {
    return readSystemText('/sys/devices/system/cpu/cpu0/topology/thread_siblings_list');
  } catch {
    return '0';
  }
}

/** Windows does not tell Node; its x64 machines mostly have two threads per core, Macs and ARM one. */
function assumedSharing(): number {
  return platform() === 'win32' && arch() === 'x64' ? 2 : 1;
}
