import { constants, open, realpath } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import { EngineError, isEngineError } from '../../protocol/errors.ts';

/** Largest tokenizer file read, bytes; vocabularies of 250,000 tokens take about 35 MB. */
const MAX_FILE_BYTES = 128_000_000;
/** Deepest nesting read: the library's own limit. */
const MAX_DEPTH = 128;

/** A file of JSON as it was read. */
export interface TokenizerJson {
  readonly text: string;
  readonly json: Readonly<Record<string, unknown>>;
}

/**
 * Reads a JSON object from a file of a model folder.
 *
 * @param folder  the model folder
 * @param name    file name
 * @returns its text and the object; undefined when there is no such file
 * @throws EngineError `tokenizer` when it is unreadable, too large, too deep, outside the folder or
 *   not JSON
 */
export async function readTokenizerFile(
  folder: string,
  name: string,
): Promise<TokenizerJson | undefined> {
  try {
    const root = await realpath(folder);
    const path = await realpath(join(root, name));
    checkInside(root, path, name);
    const text = await readPlainFile(path, name);
    if (isDeeperThan(text, MAX_DEPTH)) {
      throw tokenizerError(
        name,
        `at most ${MAX_DEPTH} lists and objects inside each other`,
        'more',
      );
    }
    const value = JSON.parse(text) as unknown;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw tokenizerError(name, 'a JSON object', 'another JSON value');
    }
    return { text, json: value as Record<string, unknown> };
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

async function readPlainFile(path: string, name: string): Promise<string> {
  // A pipe would wait for a writer.
  const handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    const facts = await handle.stat();
    if (!facts.isFile()) throw tokenizerError(name, 'a plain file', 'something else');
    if (facts.size > MAX_FILE_BYTES) {
      throw tokenizerError(name, `at most ${MAX_FILE_BYTES} bytes`, `${facts.size} bytes`);
    }
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}

/** Counts brackets outside of strings: a value that is too deep should not even be made. */
function isDeeperThan(text: string, most: number): boolean {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const sign = text[i];
    if (sign === '"') i = endOfString(text, i);
    else if (sign === '[' || sign === '{') {
      if (++depth > most) return true;
    } else if (sign === ']' || sign === '}') depth--;
  }
  return false;
}

/** The place of the quote that ends a string of JSON; the text's length when none does. */
function endOfString(text: string, start: number): number {
  let end = start;
  do {
    end = text.indexOf('"', end + 1);
    if (end < 0) return text.length;
  } while (isEscaped(text, end));
  return end;
}

/** True after an odd number of backslashes. */
function isEscaped(text: string, place: number): boolean {
  let start = place;
  while (text[start - 1] === '\\') start--;
  return (place - start) % 2 === 1;
}

/** Refuses links that leave the folder, but for those of the Hub's download cache. */
function checkInside(root: string, path: string, name: string): void {
  const cached = basename(dirname(root)) === 'snapshots';
  const roots = cached ? [root, join(dirname(dirname(root)), 'blobs')] : [root];
  if (!roots.some((allowed) => path.startsWith(allowed + sep))) {
    throw tokenizerError(name, 'a file inside the model folder', 'a link that leaves it');
  }
}
