import { type FileHandle, realpath, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { openPlainHandle, type OpenRules, type PlainHandle } from '../../files/plainFile.ts';
import { withReleaseAsync } from '../../files/release.ts';
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
 * Links are followed: download caches and shared disks keep a model's files elsewhere, and the user
 * has named this folder. What they lead to has to be a plain file.
 *
 * @param folder  as {@link resolveFolder} gives it
 * @param name    file name without folders
 * @param rules.links  `refused` in folders that this program has written
 * @param rules.mostBytes  a larger file is refused before anything is allocated
 * @returns the open handle, which the caller closes, and the file's size in bytes
 * @throws EngineError `checkpoint` when it is absent, unreadable, no plain file, or too large
 */
export async function openInFolder(
  folder: string,
  name: string,
  rules: Partial<OpenRules> = {},
): Promise<PlainHandle> {
  checkFileName(name);
  try {
    const opened = await openPlainHandle(join(folder, name), { ...FOLLOWED, ...rules });
    if (opened !== undefined) return opened;
  } catch (error) {
    if (!isEngineError(error)) throw error;
    const { expected, found } = error.problem;
    throw fileError(name, expected, found, error);
  }
  throw fileError(name, `a readable file in ${folder}`, 'no such file');
}

const FOLLOWED: OpenRules = { links: 'followed', mostBytes: Infinity };

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
  const { handle, bytes } = await openInFolder(folder, name, { mostBytes: maxBytes });
  return withReleaseAsync(
    async () => {
      const content = new Uint8Array(bytes);
      await readExactly(handle, content, 0, name);
      return content;
    },
    () => handle.close(),
  );
}

function checkFileName(name: string): void {
  const plain = name !== '' && name !== '.' && name !== '..' && !/[/\\\0:]/.test(name);
  if (!plain || name.length > 255) {
    throw fileError(shown(name), 'a file name without folders', 'a path that may leave the folder');
  }
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
