import { createHash } from 'node:crypto';
import { constants, open, type FileHandle } from 'node:fs/promises';
import { EngineError, isEngineError } from '../../protocol/errors.ts';

/** Largest text read, bytes; some hundred million tokens, far more than calibration can use. */
const MAX_TEXT_BYTES = 1_000_000_000;
/** Bytes read at once. */
const CHUNK_BYTES = 1 << 20;

/**
 * Reads a text file, as far as it is asked for. A byte order mark at its start is left out.
 * @returns parts that join to the text; none ends inside a character
 * @throws EngineError `text` when it is missing, no plain file, too large or not UTF-8
 */
export async function* textChunks(path: string): AsyncGenerator<string, void, void> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const decode = (bytes?: Uint8Array): string => {
    try {
      return decoder.decode(bytes, { stream: bytes !== undefined });
    } catch (cause) {
      throw textError(path, 'UTF-8', 'other bytes', 'Convert the file to UTF-8.', cause);
    }
  };
  for await (const bytes of byteChunks(path)) yield decode(bytes);
  yield decode();
}

/** SHA-256 of a text file, hex. @throws EngineError `text` as {@link textChunks} */
export async function textHash(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const bytes of byteChunks(path)) hash.update(bytes);
  return hash.digest('hex');
}

/** Size of a text file, bytes. @throws EngineError `text` as {@link textChunks} */
export async function textBytes(path: string): Promise<number> {
  const file = await openPlainTextFile(path);
  try {
    return (await file.stat()).size;
  } finally {
    await file.close();
  }
}

/** The bytes of a file in parts; each is only good until the next is asked for. */
async function* byteChunks(path: string): AsyncGenerator<Uint8Array, void, void> {
  const file = await openPlainTextFile(path);
  try {
    const buffer = new Uint8Array(CHUNK_BYTES);
    let total = 0;
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES, null);
      if (bytesRead === 0) return;
      total += bytesRead;
      // It may have grown since it was opened.
      if (total > MAX_TEXT_BYTES) throw tooLarge(path, total);
      yield buffer.subarray(0, bytesRead);
    }
  } catch (error) {
    throw isEngineError(error) ? error : unreadable(path, error);
  } finally {
    await file.close();
  }
}

/** Opens a file whose bytes can be read to an end, without waiting for a writer of a pipe. */
async function openPlainTextFile(path: string): Promise<FileHandle> {
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  } catch (cause) {
    throw unreadable(path, cause);
  }
  try {
    const facts = await file.stat();
    if (!facts.isFile()) {
      const found = facts.isDirectory() ? 'a folder' : 'a pipe, socket or device';
      throw textError(path, 'a text file', found, 'Give the path of a plain file.');
    }
    if (facts.size > MAX_TEXT_BYTES) throw tooLarge(path, facts.size);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

function tooLarge(path: string, bytes: number): EngineError {
  return textError(
    path,
    `at most ${MAX_TEXT_BYTES} bytes`,
    `${bytes}`,
    'Give a part of it; calibration needs a few hundred thousand tokens.',
  );
}

function unreadable(path: string, cause: unknown): EngineError {
  const found = cause instanceof Error ? cause.message : String(cause);
  return textError(path, 'a text file', found, 'Correct the path in the run config.', cause);
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
