import { MOST_JSON_DEPTH } from '../../protocol/bounds.ts';
import { endOfText, isDeeperThan } from '../../protocol/decode.ts';
import { EngineError } from '../../protocol/errors.ts';
import { shown } from './shown.ts';

/**
 * Parses the bytes of a JSON file whose top level must be an object.
 *
 * Python writes infinities and NaN, which JSON has no numbers for: they are read as infinities and as
 * the text "NaN".
 *
 * @param bytes  the file's content, UTF-8
 * @param what   the file's name, for messages
 * @throws EngineError `checkpoint` when it is not such a file, or nested deeper than any
 */
export function parseJsonObject(bytes: Uint8Array, what: string): Record<string, unknown> {
  const value = parseValue(textOf(bytes, what), what);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const sentence = `${what} holds ${shown(value)} in place of a JSON object.`;
    throw jsonError(what, 'a JSON object', shown(value), sentence);
  }
  return value as Record<string, unknown>;
}

function textOf(bytes: Uint8Array, what: string): string {
  const [first, second] = bytes;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) {
    const sentence = `${what} is stored in UTF-16; JSON has to be UTF-8.`;
    throw jsonError(what, 'JSON text in UTF-8', 'text in UTF-16', sentence);
  }
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw jsonError(what, 'JSON text', 'bytes that are not UTF-8', `${what} is not JSON.`, cause);
  }
  if (isDeeperThan(text, MOST_JSON_DEPTH)) {
    const sentence = `${what} is nested deeper than ${MOST_JSON_DEPTH} levels.`;
    throw jsonError(what, `JSON of at most ${MOST_JSON_DEPTH} levels`, 'deeper nesting', sentence);
  }
  return text;
}

function parseValue(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const repaired = withoutPythonNumbers(text);
    try {
      if (repaired !== text) return JSON.parse(repaired);
    } catch {
      // The first error says where the text of the file is wrong.
    }
    if (text.trim() === '') throw jsonError(what, 'JSON text', 'nothing', `${what} is empty.`);
    throw jsonError(what, 'JSON text', 'other text', `${what} is not JSON.`, cause);
  }
}

/** JSON text with the numbers that only Python writes as ones that every parser reads. */
function withoutPythonNumbers(text: string): string {
  const parts: string[] = [];
  for (let at = 0; at < text.length;) {
    const quote = text.indexOf('"', at);
    const end = quote < 0 ? text.length : quote;
    const plain = text.slice(at, end);
    parts.push(plain.replaceAll(/\bInfinity\b/g, '1e999').replaceAll(/\bNaN\b/g, '"NaN"'));
    if (quote < 0) break;
    at = endOfText(text, quote) + 1;
    parts.push(text.slice(quote, at));
  }
  return parts.join('');
}

function jsonError(
  what: string,
  expected: string,
  found: string,
  sentence: string,
  cause?: unknown,
): EngineError {
  const action = 'Download or copy the model folder again.';
  const problem = { what, expected, found, action, sentence };
  return new EngineError('checkpoint', problem, { cause });
}
