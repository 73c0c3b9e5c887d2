import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readSync,
  type BigIntStats,
  type Stats,
} from 'node:fs';
import { lstatSync, statSync } from 'node:fs';
import { lstat, open, stat, type FileHandle } from 'node:fs/promises';
import { diskError } from '../protocol/diskError.ts';
import { EngineError } from '../protocol/errors.ts';
import { withRelease, releaseQuietly } from './release.ts';
import { bytesText } from '../protocol/sizeText.ts';

/** How a file that somebody else may have made is opened. */
export interface OpenRules {
  /**
   * `refused`: files of ours (runs, exports, configs), where a link was put by somebody else.
   * `followed`: files that the user named, which may be kept elsewhere.
   */
  readonly links: 'refused' | 'followed';
  /** A larger file is refused before any of it is read, bytes. */
  readonly mostBytes: number;
}

/** An open file. The caller closes it. */
export interface PlainFile {
  readonly file: number;
  /** Size when it was opened, bytes. */
  readonly bytes: number;
}

/** As {@link PlainFile}, for asynchronous reading. */
export interface PlainHandle {
  readonly handle: FileHandle;
  readonly bytes: number;
  readonly identity: FileIdentity;
}

/** Which file it is and as of which write: device, inode, size, time of the last change. */
export type FileIdentity = string;

/**
 * Opens a plain file for reading. Never waits: a named pipe without a writer, a device or a terminal
 * is refused, not opened.
 * @returns undefined when there is no such file
 * @throws EngineError `disk` for anything that is no plain file, for a link where links are refused,
 *   for a larger file, and when the system refuses
 */
export function openPlain(path: string, rules: OpenRules): PlainFile | undefined {
  try {
    // The kind is looked at first: opening some devices already does something.
    expectPlain(path, rules.links === 'refused' ? lstatSync(path) : statSync(path), rules);
    const file = openSync(path, flagsOf(rules));
    try {
      // Looked at again by its handle: the name may lead elsewhere by now.
      return { file, bytes: expectPlain(path, fstatSync(file), rules).size };
    } catch (error) {
      releaseQuietly(() => {
        closeSync(file);
      });
      throw error;
    }
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw openError(path, rules, error);
  }
}

/** As {@link openPlain}, for asynchronous reading. */
export async function openPlainHandle(
  path: string,
  rules: OpenRules,
): Promise<PlainHandle | undefined> {
  try {
    expectPlain(path, await (rules.links === 'refused' ? lstat(path) : stat(path)), rules);
    const handle = await open(path, flagsOf(rules));
    try {
      const stats = await handle.stat({ bigint: true });
      const bytes = Number(expectPlain(path, stats, rules).size);
      const identity = [stats.dev, stats.ino, stats.size, stats.mtimeNs].join(':');
      return { handle, bytes, identity };
    } catch (error) {
      await handle.close().catch(() => undefined);
      throw error;
    }
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw openError(path, rules, error);
  }
}

/** Which file a plain file of ours is now. @throws EngineError `disk` when it is none or is gone */
export async function identityOf(path: string): Promise<FileIdentity> {
  const opened = await openPlainHandle(path, { links: 'refused', mostBytes: Infinity });
  if (opened === undefined) throw missingFile(path);
  await opened.handle.close();
  return opened.identity;
}

/**
 * Reads a plain file whole.
 * @returns undefined when there is no such file
 * @throws EngineError `disk` as {@link openPlain} does
 */
export function readPlain(path: string, rules: OpenRules): Buffer | undefined {
  const opened = openPlain(path, rules);
  if (opened === undefined) return undefined;
  const { file, bytes } = opened;
  return withRelease(
    () => {
      try {
        return readUpTo(file, bytes, 0);
      } catch (error) {
        throw diskError(path, error);
      }
    },
    () => {
      closeSync(file);
    },
  );
}

/** As {@link readPlain}, decoded from UTF-8; a byte order mark is left out. */
export function readPlainText(path: string, rules: OpenRules): string | undefined {
  return readPlain(path, rules)
    ?.toString('utf8')
    .replace(/^\uFEFF/, '');
}

/**
 * Reads from a position of an open file, at most to its end.
 * @param bytes  bytes wanted
 * @param position  first byte, from the start of the file
 * @returns fewer bytes than wanted when the file ends before
 */
export function readUpTo(file: number, bytes: number, position: number): Buffer {
  // Not from the shared pool: what is read may be handed to another thread whole.
  const buffer = Buffer.allocUnsafeSlow(bytes);
  let done = 0;
  while (done < bytes) {
    const read = readSync(file, buffer, done, bytes - done, position + done);
    if (read === 0) break;
    done += read;
  }
  return buffer.subarray(0, done);
}

/** The error of a file that has to be there and is not. */
export function missingFile(path: string): EngineError {
  return diskError(
    path,
    Object.assign(new Error('no such file'), { code: 'ENOENT' }),
  ) as EngineError;
}

/**
 * What a path leads to, in words for a message.
 * @param stats  as `lstat` or `stat` gives them
 */
export function kindOf(stats: Stats | BigIntStats): string {
  if (stats.isSymbolicLink()) return 'a link';
  if (stats.isDirectory()) return 'a folder';
  if (stats.isFIFO()) return 'a named pipe';
  if (stats.isSocket()) return 'a socket';
  return stats.isFile() ? 'a file' : 'a device';
}

/** True for a system error that says that there is nothing under a name. */
export function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

function expectPlain<S extends Stats | BigIntStats>(
  path: string,
  stats: S,
  { links, mostBytes }: OpenRules,
): S {
  if (!stats.isFile()) throw notPlain(path, kindOf(stats), links);
  if (stats.size > mostBytes) {
    throw new EngineError('disk', {
      what: path,
      expected: `a file of at most ${sizeText(mostBytes)}`,
      found: `one of ${sizeText(Number(stats.size))}`,
      action: 'Check that it is the file you mean.',
      sentence: `${path} is too large: it has ${sizeText(Number(stats.size))}, and at most ${sizeText(mostBytes)} are read.`,
    });
  }
  return stats;
}

function notPlain(path: string, found: string, links: OpenRules['links']): EngineError {
  const action =
    found === 'a link'
      ? 'Files of Subnet Studio are no links: put the file itself there, or remove the link.'
      : links === 'refused'
        ? 'Remove it; it was not made by Subnet Studio.'
        : 'Give the path of a file.';
  return new EngineError('disk', {
    what: path,
    expected: 'a plain file',
    found,
    action,
    sentence: `${path} is ${found}, not a plain file.`,
  });
}

/** Without waiting for the other end of a pipe, and without becoming a terminal's process. */
function flagsOf({ links }: OpenRules): number {
  const { O_RDONLY, O_NOFOLLOW } = constants;
  return O_RDONLY | withoutWaiting() | (links === 'refused' ? (O_NOFOLLOW ?? 0) : 0);
}

/** Windows has none of these flags, and opens neither pipes nor devices by such names. */
export function withoutWaiting(): number {
  return (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0);
}

function openError(path: string, { links }: OpenRules, error: unknown): unknown {
  return (links === 'refused' ? linkError(path, error) : undefined) ?? diskError(path, error);
}

/** A link that appeared between the look and the opening. */
export function linkError(path: string, error: unknown): EngineError | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'ELOOP' || code === 'EMLINK' ? notPlain(path, 'a link', 'refused') : undefined;
}

/** Small sizes to the byte: a file that is too large by little has another number than its limit. */
function sizeText(bytes: number): string {
  return bytes < 1_000_000 ? `${bytes} bytes` : bytesText(bytes);
}
