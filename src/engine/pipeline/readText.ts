import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { EngineError } from '../../protocol/errors.ts';

/** Largest text read, bytes; some hundred million tokens, far more than calibration can use. */
const MAX_TEXT_BYTES = 1_000_000_000;

/**
 * Reads a text file.
 * @throws EngineError `text` when it is missing, too large or not UTF-8
 */
export async function readText(path: string): Promise<string> {
  const bytes = await readBytes(path);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw textError(path, 'UTF-8', 'other bytes', 'Convert the file to UTF-8.', cause);
  }
}

/** SHA-256 of a text file, hex. @throws EngineError `text` as {@link readText} */
export async function textHash(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readBytes(path))
    .digest('hex');
}

async function readBytes(path: string): Promise<Uint8Array> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    const found = cause instanceof Error ? cause.message : String(cause);
    throw textError(path, 'a text file', found, 'Correct the path in the run config.', cause);
  }
  if (bytes.length <= MAX_TEXT_BYTES) return bytes;
  throw textError(
    path,
    `at most ${MAX_TEXT_BYTES} bytes`,
    `${bytes.length}`,
    'Give a part of it; calibration needs a few hundred thousand tokens.',
  );
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
