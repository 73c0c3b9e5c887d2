import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  lstatSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeSync,
  type Mode,
} from 'node:fs';
import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { diskError } from '../protocol/diskError.ts';
import { EngineError, isEngineError, type Problem } from '../protocol/errors.ts';
import { kindOf, linkError, withoutWaiting } from './plainFile.ts';
import { releaseQuietly, withRelease } from './release.ts';

const FILE_MODE = 0o644;

/**
 * Replaces a file so that a reader, or a crash at any moment, sees the old or the new one whole.
 *
 * The bytes go to a new file of an unpredictable name beside it first, so that nothing that lies
 * there already is written to, a link least of all; a link under the file's own name is replaced.
 * @param path  the file; its folder must exist
 * @param data  text (UTF-8) or bytes
 * @param mode  permissions of the file
 * @throws EngineError `disk` when it cannot be written; the old file is then still there
 */
export function replaceFile(path: string, data: string | Uint8Array, mode: Mode = FILE_MODE): void {
  onDisk(path, () => {
    const temporary = temporaryName(path);
    try {
      const file = openSync(temporary, NEW_FILE, mode);
      withRelease(
        () => {
          writeFully(file, typeof data === 'string' ? Buffer.from(data, 'utf8') : data);
          fsyncSync(file);
        },
        () => {
          closeSync(file);
        },
      );
      renameSync(temporary, path);
    } catch (error) {
      removeQuietly(temporary);
      throw error;
    }
    syncFolder(dirname(path));
  });
}

/**
 * As {@link replaceFile}, for a file that is written piece by piece.
 * @param write  writes all of it; when it throws, the old file stays
 * @throws EngineError `disk`; whatever `write` throws that is no system error
 */
export async function replaceFileBy(
  path: string,
  write: (handle: FileHandle) => Promise<void>,
): Promise<void> {
  const temporary = temporaryName(path);
  let handle: FileHandle | undefined;
  try {
    handle = await open(temporary, NEW_FILE, FILE_MODE);
    await write(handle);
    await handle.sync();
    await handle.close();
    handle = undefined;
    await rename(temporary, path);
    syncFolder(dirname(path));
  } catch (error) {
    // The first error is the one to report, whatever else fails while tidying up.
    await handle?.close().catch(() => undefined);
    await rm(temporary, { force: true }).catch(() => undefined);
    throw diskError(path, error);
  }
}

/** As {@link replaceFile}, of a value as readable JSON. Non-finite numbers are refused. */
export function replaceJson(path: string, value: unknown, mode: Mode = FILE_MODE): void {
  replaceFile(path, `${JSON.stringify(value, refuseNonFinite, 1)}\n`, mode);
}

/**
 * Makes a new file. Never writes into one that is there, nor through a link.
 * @returns false when the name is taken
 * @throws EngineError `disk`; there is then no such file
 */
export function createFile(path: string, data: string, mode: Mode = FILE_MODE): boolean {
  let file: number;
  try {
    file = openSync(path, NEW_FILE, mode);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw diskError(path, error);
  }
  onDisk(path, () => {
    try {
      withRelease(
        () => {
          writeFully(file, Buffer.from(data, 'utf8'));
        },
        () => {
          closeSync(file);
        },
      );
    } catch (error) {
      removeQuietly(path);
      throw error;
    }
  });
  return true;
}

/**
 * Opens a file that only grows, for reading and appending; makes it when absent. Never opens a link,
 * a named pipe or a device.
 * @returns its descriptor, which the caller closes
 * @throws EngineError `disk`
 */
export function openToAppend(path: string, mode: Mode = FILE_MODE): number {
  try {
    const { O_RDWR, O_APPEND, O_CREAT, O_NOFOLLOW } = constants;
    const flags = O_RDWR | O_APPEND | O_CREAT | (O_NOFOLLOW ?? 0) | withoutWaiting();
    const file = openSync(path, flags, mode);
    const stats = fstatSync(file);
    if (stats.isFile()) return file;
    closeSync(file);
    throw new EngineError('disk', {
      what: path,
      expected: 'a plain file',
      found: kindOf(stats),
      action: 'Remove it; it was not made by Subnet Studio.',
      sentence: `${path} is ${kindOf(stats)}, not a plain file.`,
    });
  } catch (error) {
    throw linkError(path, error) ?? diskError(path, error);
  }
}

/** Adds text to a file, as {@link openToAppend} opens it. @throws EngineError `disk` */
export function appendText(path: string, text: string): void {
  const file = openToAppend(path);
  withRelease(
    () => {
      onDisk(path, () => {
        writeFully(file, Buffer.from(text, 'utf8'));
      });
    },
    () => {
      closeSync(file);
    },
  );
}

/**
 * Writes a file's own bytes again, so that its time of change is now by the clock of its disk.
 * @throws EngineError `disk`
 */
export function touchFile(path: string, text: string): void {
  onDisk(path, () => {
    const file = openSync(
      path,
      constants.O_WRONLY | (constants.O_NOFOLLOW ?? 0) | withoutWaiting(),
    );
    withRelease(
      () => {
        writeFully(file, Buffer.from(text, 'utf8'));
      },
      () => {
        closeSync(file);
      },
    );
  });
}

/** Writes all bytes at the descriptor's position; the system may take them in pieces. */
export function writeFully(file: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) done += writeSync(file, bytes, done);
}

/**
 * Removes what a killed writer left in a folder: files that {@link replaceFile} never renamed. Only
 * the one process that writes there may call it. Never throws.
 * @param isShared  names that other processes write too: these are removed when they are old
 */
export function removeTemporaries(
  folder: string,
  isShared: (name: string) => boolean = () => false,
): void {
  releaseQuietly(() => {
    for (const name of readdirSync(folder)) {
      if (!TEMPORARY.test(name)) continue;
      const path = join(folder, name);
      if (isShared(name) && Date.now() - lstatSync(path).mtimeMs < ABANDONED_MS) continue;
      rmSync(path, { force: true });
    }
  });
}

/** Removes a file if it is there. @throws EngineError `disk` */
export function removeFile(path: string): void {
  onDisk(path, () => {
    rmSync(path, { force: true });
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

/**
 * Runs work on something that has a temporary name. An error of the disk names what it will be called,
 * which is all that a user knows of it.
 * @throws EngineError `disk` with the other name; whatever else the work throws
 */
export function underName<T>(temporary: string, name: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!isEngineError(error, 'disk')) throw error;
    const named = Object.entries(error.problem).map(([part, text]) => [
      part,
      String(text).replaceAll(temporary, name),
    ]);
    const problem = Object.fromEntries(named) as Problem;
    throw new EngineError('disk', problem, { cause: error.cause });
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
    sentence: `The value "${key}" of a run file is ${String(value)}, not a finite number.`,
  });
}

const NEW_FILE =
  constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW ?? 0);

/** The first error is the one to report. */
function removeQuietly(path: string): void {
  releaseQuietly(() => {
    rmSync(path, { force: true });
  });
}

/** Beside the file, so that the rename stays on one disk; nobody can guess it beforehand. */
function temporaryName(path: string): string {
  const begin = basename(path).slice(0, NAME_BEGIN);
  return join(dirname(path), `.${begin}.${randomBytes(8).toString('hex')}.tmp`);
}

/** Characters of a file's name in that of its temporary one, which must not be too long either. */
const NAME_BEGIN = 50;

/** Age after which a temporary file of a writer that is not this one counts as left over, ms. */
const ABANDONED_MS = 60_000;

const TEMPORARY = /^\..+\.[0-9a-f]{16}\.tmp$/;

/** Makes a rename durable. Windows has no such call and does not need it. */
function syncFolder(path: string): void {
  if (process.platform === 'win32') return;
  const folder = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  withRelease(
    () => {
      try {
        fsyncSync(folder);
      } catch (error) {
        // Some network file systems cannot flush a folder; the file itself was flushed.
        const code = error instanceof Error && 'code' in error ? error.code : undefined;
        if (!UNSUPPORTED.has(code)) throw error;
      }
    },
    () => {
      closeSync(folder);
    },
  );
}

const UNSUPPORTED: ReadonlySet<unknown> = new Set(['EINVAL', 'ENOTSUP', 'EPERM', 'EBADF']);
