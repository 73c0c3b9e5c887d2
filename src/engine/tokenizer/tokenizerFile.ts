import { join } from 'node:path';
import { readPlainText } from '../../files/plainFile.ts';
import { parseJson } from '../../protocol/decode.ts';
import { EngineError, isEngineError, type Problem } from '../../protocol/errors.ts';

/** Largest tokenizer file read, bytes; vocabularies of 250,000 tokens take about 35 MB. */
const MAX_FILE_BYTES = 128_000_000;

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
 * @throws EngineError `tokenizer` when it is unreadable, no plain file, too large, too deep or not JSON
 */
export function readTokenizerFile(folder: string, name: string): TokenizerJson | undefined {
  let text: string | undefined;
  let json: unknown;
  try {
    text = readPlainText(join(folder, name), { links: 'followed', mostBytes: MAX_FILE_BYTES });
    if (text === undefined) return undefined;
    json = parseJson(text, name);
  } catch (error) {
    if (!isEngineError(error)) throw error;
    throw tokenizerError(error.problem, error);
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw tokenizerError({
      ...{ what: name, expected: 'a JSON object', found: 'another JSON value' },
      sentence: `${name} holds no JSON object.`,
    });
  }
  return { text, json: json as Record<string, unknown> };
}

/**
 * The error of a tokenizer that cannot be used.
 *
 * @param problem  all but what to do
 * @param cause    the error beneath, if any
 */
export function tokenizerError(problem: Omit<Problem, 'action'>, cause?: unknown): EngineError {
  const action = 'Use the tokenizer.json that was saved with this model.';
  return new EngineError('tokenizer', { ...problem, action }, { cause });
}
