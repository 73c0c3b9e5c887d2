import { join } from 'node:path';
import { readPlainText } from '../../files/plainFile.ts';
import { parseJson } from '../../protocol/decode.ts';
import { EngineError, isEngineError } from '../../protocol/errors.ts';

/** Largest tokenizer file read, bytes; vocabularies of 250,000 tokens take about 35 MB. */
const MAX_FILE_BYTES = 128_000_000;

/**
 * Reads a JSON object from a file of a model folder.
 *
 * @param folder  the model folder
 * @param name    file name
 * @returns the object; undefined when there is no such file
 * @throws EngineError `tokenizer` when it is unreadable, no plain file, too large or not JSON
 */
export function readTokenizerFile(
  folder: string,
  name: string,
): Record<string, unknown> | undefined {
  let text: string | undefined;
  try {
    text = readPlainText(join(folder, name), { links: 'followed', mostBytes: MAX_FILE_BYTES });
  } catch (error) {
    if (!isEngineError(error)) throw error;
    throw tokenizerError(name, error.problem.expected, error.problem.found, error);
  }
  if (text === undefined) return undefined;
  const value = parsed(text, name);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw tokenizerError(name, 'a JSON object', 'another JSON value');
  }
  return value as Record<string, unknown>;
}

function parsed(text: string, name: string): unknown {
  try {
    return parseJson(text, name);
  } catch (error) {
    throw tokenizerError(name, 'a readable JSON file', 'text that is not JSON', error);
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
