import { createHash } from 'node:crypto';
import { readPlain } from '../../files/plainFile.ts';
import { EngineError, isEngineError } from '../../protocol/errors.ts';

/** Largest text read, bytes; some hundred million tokens, far more than calibration can use. */
const MAX_TEXT_BYTES = 1_000_000_000;

/**
 * Reads a text file.
 * @throws EngineError `text` when it is missing, too large or not UTF-8
 */
export function readText(path: string): string {
  const bytes = readBytes(path);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw textError(path, 'UTF-8', 'other bytes', 'Convert the file to UTF-8.', cause);
  }
}

/** SHA-256 of a text file, hex. @throws EngineError `text` as {@link readText} */
export function textHash(path: string): string {
  return createHash('sha256').update(readBytes(path)).digest('hex');
}

function readBytes(path: string): Uint8Array {
  let bytes: Uint8Array | undefined;
  let cause: unknown;
  try {
    bytes = readPlain(path, { links: 'followed', mostBytes: MAX_TEXT_BYTES });
  } catch (error) {
    cause = error;
  }
  if (bytes !== undefined) return bytes;
  const { expected, found } = isEngineError(cause)
    ? cause.problem
    : { expected: 'a text file', found: 'no such file' };
  throw textError(path, expected, found, 'Correct the path in the run config.', cause);
}

function textError(
  what: string,
  expected: string,
  found: string,
  action: string,
  cause?: unknown,
): EngineError {
  return new EngineError('text', { what, expected, found, action }, { cause });
}
