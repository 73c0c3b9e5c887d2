import { createHash } from 'node:crypto';
import { closeSync } from 'node:fs';
import { openPlain, type PlainFile, readUpTo } from '../../files/plainFile.ts';
import { withRelease, releaseQuietly } from '../../files/release.ts';
import { EngineError, isEngineError, type Problem } from '../../protocol/errors.ts';

/** Largest text read, bytes; some hundred million tokens, far more than calibration can use. */
const MAX_TEXT_BYTES = 1_000_000_000;
/** Bytes read at once. */
const CHUNK_BYTES = 1 << 20;

/**
 * Reads a text file, as far as it is asked for. A byte order mark at its start is left out.
 * @returns parts that join to the text; none ends inside a character
 * @throws EngineError `text` when it is missing, no plain file, too large or not UTF-8
 */
export function* textChunks(path: string): Generator<string, void, void> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const decode = (bytes?: Uint8Array): string => {
    try {
      return decoder.decode(bytes, { stream: bytes !== undefined });
    } catch (cause) {
      const sentence = `The text ${path} is not stored in UTF-8.`;
      const problem = { what: path, expected: 'UTF-8', found: 'other bytes', sentence };
      throw textError(problem, 'Convert the file to UTF-8.', cause);
    }
  };
  for (const bytes of byteChunks(path)) yield decode(bytes);
  yield decode();
}

/** SHA-256 of a text file, hex. @throws EngineError `text` as {@link textChunks} */
export function textHash(path: string): string {
  const hash = createHash('sha256');
  for (const bytes of byteChunks(path)) hash.update(bytes);
  return hash.digest('hex');
}

/** Size of a text file, bytes. @throws EngineError `text` as {@link textChunks} */
export function textBytes(path: string): number {
  const { file, bytes } = openText(path);
  return withRelease(
    () => bytes,
    () => {
      closeSync(file);
    },
  );
}

/** The bytes of a file in parts. */
function* byteChunks(path: string): Generator<Uint8Array, void, void> {
  const { file } = openText(path);
  try {
    for (let total = 0; ;) {
      const bytes = chunkAt(path, file, total);
      if (bytes.length === 0) return;
      total += bytes.length;
      // It may have grown since it was opened.
      if (total > MAX_TEXT_BYTES) {
        throw textError(
          {
            ...{ what: path, expected: `at most ${MAX_TEXT_BYTES / 1e9} GB` },
            found: 'a file that grows beyond it',
            sentence: `The text ${path} has more than ${MAX_TEXT_BYTES / 1e9} GB.`,
          },
          'Use a part of it; calibration needs a few hundred thousand tokens.',
        );
      }
      yield bytes;
    }
  } finally {
    releaseQuietly(() => {
      closeSync(file);
    });
  }
}

function chunkAt(path: string, file: number, position: number): Uint8Array {
  try {
    return readUpTo(file, CHUNK_BYTES, position);
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

function openText(path: string): PlainFile {
  let opened: PlainFile | undefined;
  try {
    opened = openPlain(path, { links: 'followed', mostBytes: MAX_TEXT_BYTES });
  } catch (cause) {
    throw unreadable(path, cause);
  }
  if (opened === undefined) throw unreadable(path, undefined);
  return opened;
}

function unreadable(path: string, cause: unknown): EngineError {
  const action = 'Correct the path in the run config.';
  if (isEngineError(cause)) return textError(cause.problem, action, cause);
  const found = cause instanceof Error ? cause.message : 'no such file';
  const sentence =
    cause === undefined
      ? `There is no text ${path}.`
      : `The text ${path} cannot be read: ${found}.`;
  return textError({ what: path, expected: 'a text file', found, sentence }, action, cause);
}

function textError(problem: Omit<Problem, 'action'>, action: string, cause?: unknown): EngineError {
  return new EngineError('text', { ...problem, action }, { cause });
}
