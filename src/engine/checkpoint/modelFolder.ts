import { type FileHandle, realpath, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import {
  isAbsent,
  openPlainHandle,
  type OpenRules,
  type PlainHandle,
} from '../../files/plainFile.ts';
import { withReleaseAsync } from '../../files/release.ts';
import { EngineError, isEngineError, misfit, type Problem } from '../../protocol/errors.ts';
import { shown } from './shown.ts';

/**
 * What tells a file from another of its name, and from itself before a change: device, inode, size
 * and time of the last write.
 */
export type FileIdentity = string;

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
    throw isFile(dir);
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
 * @param rules.known  what the file must still be
 * @returns the open handle, which the caller closes, the file's size in bytes, and its identity
 * @throws EngineError `checkpoint` when it is absent, unreadable, no plain file, too large, or not the
 *   known one any more
 */
export async function openInFolder(
  folder: string,
  name: string,
  { known, ...rules }: Partial<OpenRules> & { readonly known?: FileIdentity } = {},
): Promise<PlainHandle> {
  checkFileName(name);
  try {
    const opened = await openPlainHandle(join(folder, name), { ...FOLLOWED, ...rules });
    if (opened !== undefined) {
      if (known === undefined || known === opened.identity) return opened;
      await opened.handle.close();
      throw changedError(name);
    }
  } catch (error) {
    if (!isEngineError(error, 'disk')) throw error;
    throw fileError(error.problem, error);
  }
  throw fileError({
    ...{ what: name, expected: `a readable file in ${folder}`, found: 'no such file' },
    sentence: `The model folder has no file ${name}.`,
  });
}

const FOLLOWED: OpenRules = { links: 'followed', mostBytes: Infinity };

/**
 * Checks that a file is still the one that was opened before: neither replaced nor written to.
 *
 * @param folder  as {@link resolveFolder} gives it
 * @param name    file name without folders
 * @param known   its identity then
 * @throws EngineError `checkpoint` when it is another, or as {@link openInFolder} does
 */
export async function expectSameFile(
  folder: string,
  name: string,
  known: FileIdentity,
): Promise<void> {
  const { handle } = await openInFolder(folder, name, { known });
  await handle.close();
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

/** True when the folder has no entry of that name, or one that leads to none. */
export async function isMissing(folder: string, name: string): Promise<boolean> {
  return stat(join(folder, name)).then(() => false, isAbsent);
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
        const found = reasonOf(error);
        const sentence = `${what} cannot be read: ${found}.`;
        throw fileError({ what, expected: 'readable data', found, sentence }, error);
      });
    if (bytesRead === 0) {
      const expected = `data up to byte ${position + target.length}`;
      const sentence = `${what} ends before byte ${position + target.length}, up to which its data should reach.`;
      throw fileError({ what, expected, found: 'the end of the file', sentence });
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
  return (await readKnownFile(folder, name, maxBytes)).bytes;
}

/**
 * Reads a small file as {@link readSmallFile} does, and tells what file it was.
 *
 * @returns its bytes and its identity
 * @throws EngineError `checkpoint` as {@link readSmallFile} does
 */
export async function readKnownFile(
  folder: string,
  name: string,
  maxBytes: number,
): Promise<{ readonly bytes: Uint8Array; readonly identity: FileIdentity }> {
  const opened = await openInFolder(folder, name, { mostBytes: maxBytes });
  const { handle, bytes: size, identity } = opened;
  return withReleaseAsync(
    async () => {
      const bytes = new Uint8Array(size);
      await readExactly(handle, bytes, 0, name);
      return { bytes, identity };
    },
    () => handle.close(),
  );
}

/**
 * Checks that a name of a file stays inside its folder.
 * @throws EngineError `checkpoint`
 */
export function checkFileName(name: string): void {
  const plain = name !== '' && name !== '.' && name !== '..' && !/[/\\\0:]/.test(name);
  if (!plain || name.length > 255) {
    const found = 'a path that may leave the folder';
    throw fileError(misfit(shown(name), 'a file name without folders', found));
  }
}

function reasonOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (code === 'ENOENT') return 'no such file';
  if (code === 'EACCES' || code === 'EPERM') return 'one without permission to read';
  if (code === 'ELOOP') return 'a circle of links';
  return code ?? String(error);
}

function noFolder(dir: string, found: string, cause: unknown): EngineError {
  return new EngineError(
    'checkpoint',
    {
      what: `Model folder ${dir}`,
      expected: 'a folder with config.json and safetensors files',
      found,
      action: 'Check the path.',
      sentence:
        found === 'no such file'
          ? `There is no model folder ${dir}.`
          : `The model folder ${dir} cannot be read: ${found}.`,
    },
    { cause },
  );
}

/** A file where a folder is wanted: often one of the files of a model. */
function isFile(dir: string): EngineError {
  const isGguf = /\.gguf$/i.test(dir);
  return new EngineError('checkpoint', {
    what: `Model folder ${dir}`,
    expected: 'a folder with config.json and safetensors files',
    found: 'a file',
    action: isGguf
      ? 'Use the model in safetensors format from which it was converted: GGUF weights are made for llama.cpp and cannot be pruned here.'
      : 'Give the folder that holds the file, with config.json beside it.',
    sentence: `${dir} is a ${isGguf ? 'GGUF file' : 'file'}, not a model folder.`,
  });
}

function changedError(name: string): EngineError {
  return new EngineError('checkpoint', {
    what: name,
    expected: 'the file as it was when the model was opened',
    found: 'one that was replaced or changed since',
    action: 'Leave the model folder alone while it is in use, then try again.',
    sentence: `${name} was replaced or changed after the model was opened.`,
  });
}

function fileError(problem: Omit<Problem, 'action'>, cause?: unknown): EngineError {
  return new EngineError(
    'checkpoint',
    { ...problem, action: 'Download or copy the model folder again.' },
    { cause },
  );
}
