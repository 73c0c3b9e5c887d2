import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
  type Mode,
} from 'node:fs';
import { dirname } from 'node:path';
import { diskError } from '../../protocol/diskError.ts';
import { EngineError } from '../../protocol/errors.ts';

/**
 * Replaces a file so that a reader, or a crash at any moment, sees the old or the new one whole.
 * @param path  the file; its folder must exist
 * @param data  text (UTF-8) or bytes
 * @param mode  permissions of the file
 * @throws EngineError `disk` when it cannot be written; the old file is then still there
 */
export function writeFileAtomic(path: string, data: string | Uint8Array, mode: Mode = 0o644): void {
  onDisk(path, () => {
    // One writer per run folder (see runLock.ts), so a fixed name is enough and leaves no litter.
    const temporary = `${path}.tmp`;
    try {
      writeAndSync(temporary, typeof data === 'string' ? Buffer.from(data, 'utf8') : data, mode);
      renameSync(temporary, path);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    }
    syncFolder(dirname(path));
  });
}

/** As {@link writeFileAtomic}, of a value as readable JSON. Non-finite numbers are refused. */
export function writeJsonAtomic(path: string, value: unknown): void {
  writeFileAtomic(path, `${JSON.stringify(value, refuseNonFinite, 1)}\n`);
}

/** Makes a folder and its parents. @throws EngineError `disk` */
export function makeFolder(path: string): void {
  onDisk(path, () => mkdirSync(path, { recursive: true }));
}

/**
 * Makes sure that bytes written to a file, and its name, survive a power cut.
 * @throws EngineError `disk`
 */
export function syncFile(path: string): void {
  onDisk(path, () => {
    const file = openSync(path, 'r+');
    try {
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    syncFolder(dirname(path));
  });
}

/**
 * Runs something that touches the disk and turns its failure into a message for the user.
 * @param path  what it touches
 * @throws EngineError `disk`; anything that is no system error is thrown as it is
 */
export function onDisk<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw diskError(path, error);
  }
}

function writeAndSync(path: string, bytes: Uint8Array, mode: Mode): void {
  const file = openSync(path, 'w', mode);
  try {
    for (let done = 0; done < bytes.length;) done += writeSync(file, bytes, done);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Makes a rename durable. Windows has no such call and does not need it. */
function syncFolder(path: string): void {
  if (process.platform === 'win32') return;
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** JSON would silently turn NaN and infinities into null. */
export function refuseNonFinite(key: string, value: unknown): unknown {
  if (typeof value !== 'number' || Number.isFinite(value)) return value;
  throw new EngineError('numeric', {
    what: `The value "${key}" of a run file`,
    expected: 'a finite number',
    found: String(value),
    action: 'Report this with the log of the run: the computation went out of range.',
  });
}
