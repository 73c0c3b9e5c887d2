import { constants, type FileHandle } from 'node:fs/promises';
import { open, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { EngineError, isEngineError } from '../../protocol/errors.ts';
import { shown } from './shown.ts';

/**
 * Absolute path of a model folder, links resolved.
 *
 * @param dir  the folder as the user gave it
 * @throws EngineError `checkpoint` when there is no such folder
 */
export async function resolveFolder(dir: string): Promise<string> {
  try {
    const real = await realpath(resolve(dir));
    if ((await stat(real)).isDirectory()) return real;
    throw noFolder(dir, 'a file');
  } catch (error) {
    if (isEngineError(error)) throw error;
    throw noFolder(dir, reasonOf(error), error);
  }
}

/**
 * Opens one plain file directly inside a model folder for reading.
 *
 * A link is followed only when it stays inside the folder, or inside the `blobs` folder next to it
 * that the Hub's download cache uses; so a checkpoint from elsewhere cannot make us read other files.
 *
 * @param folder  as {@link resolveFolder} gives it
 * @param name    file name without folders
 * @returns the open handle, which the caller closes, and the file's size in bytes
 * @throws EngineError `checkpoint` when it is absent, unreadable, no plain file, or outside
 */
export async function openInFolder(
  folder: string,
  name: string,
): Promise<{ handle: FileHandle; bytes: number }> {
  checkFileName(name);
  const path = join(folder, name);
  let handle: FileHandle | undefined;
  try {
    const real = await realpath(path);
    if (!allowedRoots(folder).some((root) => real.startsWith(root + sep))) {
      throw fileError(name, 'a file inside the model folder', 'a link that leaves it');
    }
    // Non-blocking, or opening a named pipe would wait for a writer for ever.
    handle = await open(real, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const facts = await handle.stat();
    if (!facts.isFile()) throw fileError(name, 'a plain file', 'something else');
    return { handle, bytes: facts.size };
  } catch (error) {
    await handle?.close();
    if (isEngineError(error)) throw error;
    throw fileError(name, `a readable file in ${folder}`, reasonOf(error), error);
  }
}

/**
 * True when the folder holds an entry of that name.
 *
 * @param folder  as {@link resolveFolder} gives it
 * @param name    file name without folders
 */
export async function hasFile(folder: string, name: string): Promise<boolean> {
  return stat(join(folder, name)).then(
    () => true,
    () => false,
  );
}

/**
 * Fills a buffer from a position of a file.
 *
 * @param handle    an open file
 * @param target    bytes to fill, written
 * @param position  first byte, from the start of the file
 * @param what      the file's name, for messages
 * @throws EngineError `checkpoint` when the file ends early or cannot be read
 */
export async function readExactly(
  handle: FileHandle,
  target: Uint8Array,
  position: number,
  what: string,
): Promise<void> {
  let done = 0;
  while (done < target.length) {
    const bytesRead = await handle
      .read(target, done, target.length - done, position + done)
      .then((result) => result.bytesRead)
      .catch((error: unknown) => {
        throw fileError(what, 'readable data', reasonOf(error), error);
      });
    if (bytesRead === 0) {
      throw fileError(what, `data up to byte ${position + target.length}`, 'the end of the file');
    }
    done += bytesRead;
  }
}

/**
 * Reads a small text file of the model folder whole.
 *
 * @param folder    as {@link resolveFolder} gives it
 * @param name      file name without folders
 * @param maxBytes  larger files are refused before anything is allocated
 * @returns its bytes
 * @throws EngineError `checkpoint` as {@link openInFolder} does, or when it is too large
 */
export async function readSmallFile(
  folder: string,
  name: string,
  maxBytes: number,
): Promise<Uint8Array> {
  const { handle, bytes } = await openInFolder(folder, name);
  try {
    if (bytes > maxBytes) throw fileError(name, `at most ${maxBytes} bytes`, `${bytes} bytes`);
    const content = new Uint8Array(bytes);
    await readExactly(handle, content, 0, name);
    return content;
  } finally {
    await handle.close();
  }
}

function checkFileName(name: string): void {
  const plain = name !== '' && name !== '.' && name !== '..' && !/[/\\\0:]/.test(name);
  if (!plain || name.length > 255) {
    throw fileError(shown(name), 'a file name without folders', 'a path that may leave the folder');
  }
}

function allowedRoots(folder: string): string[] {
  const cache = dirname(dirname(folder));
  return basename(dirname(folder)) === 'snapshots' ? [folder, join(cache, 'blobs')] : [folder];
}

function reasonOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (code === 'ENOENT') return 'no such file';
  if (code === 'EACCES' || code === 'EPERM') return 'one without permission to read';
  if (code === 'ELOOP') return 'a circle of links';
  return code ?? String(error);
}

function noFolder(dir: string, found: string, cause?: unknown): EngineError {
  return new EngineError(
    'checkpoint',
    {
      what: `Model folder ${dir}`,
      expected: 'a folder with config.json and safetensors files',
      found,
      action: 'Check the path.',
    },
    { cause },
  );
}

function fileError(what: string, expected: string, found: string, cause?: unknown): EngineError {
  return new EngineError(
    'checkpoint',
    { what, expected, found, action: 'Download or copy the model folder again.' },
    { cause },
  );
}
