import { open, realpath } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import { EngineError, isEngineError } from '../../protocol/errors.ts';

/** Largest tokenizer file read, bytes; vocabularies of 250,000 tokens take about 35 MB. */
const MAX_FILE_BYTES = 128_000_000;

/**
 * Reads a JSON object from a file of a model folder.
 *
 * @param folder  the model folder
 * @param name    file name
 * @returns the object; undefined when there is no such file
 * @throws EngineError `tokenizer` when it is unreadable, too large, outside the folder or not JSON
 */
export async function readTokenizerFile(
  folder: string,
  name: string,
): Promise<Record<string, unknown> | undefined> {
  try {
    const root = await realpath(folder);
    const path = await realpath(join(root, name));
    checkInside(root, path, name);
    const handle = await open(path, 'r');
    try {
      const facts = await handle.stat();
      if (!facts.isFile()) throw tokenizerError(name, 'a plain file', 'something else');
      if (facts.size > MAX_FILE_BYTES) {
        throw tokenizerError(name, `at most ${MAX_FILE_BYTES} bytes`, `${facts.size} bytes`);
      }
      const value = JSON.parse(await handle.readFile('utf8')) as unknown;
      if (typeof value !== 'object' || value === null || Array.isArray(value)) {
        throw tokenizerError(name, 'a JSON object', 'another JSON value');
      }
      return value as Record<string, unknown>;
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (isEngineError(error)) throw error;
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    const found = error instanceof SyntaxError ? 'text that is not JSON' : String(error);
    throw tokenizerError(name, 'a readable JSON file', found, error);
  }
}

/**
 * The error of a tokenizer that cannot be used.
 *
 * @param what      the file or thing at fault
 * @param expected  what it should be
 * @param found     what it is
 * @param cause     the error beneath, if any
 */
export function tokenizerError(
  what: string,
  expected: string,
  found: string,
  cause?: unknown,
): EngineError {
  const action = 'Use the tokenizer.json that was saved with this model.';
  return new EngineError('tokenizer', { what, expected, found, action }, { cause });
}

/** Refuses links that leave the folder, but for those of the Hub's download cache. */
function checkInside(root: string, path: string, name: string): void {
  const cached = basename(dirname(root)) === 'snapshots';
  const roots = cached ? [root, join(dirname(dirname(root)), 'blobs')] : [root];
  if (!roots.some((allowed) => path.startsWith(allowed + sep))) {
    throw tokenizerError(name, 'a file inside the model folder', 'a link that leaves it');
  }
}
