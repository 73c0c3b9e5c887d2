import type { Static, TSchema } from 'typebox';
import { acceptsValue } from './acceptsValue.ts';
import { MOST_JSON_DEPTH } from './bounds.ts';
import { EngineError } from './errors.ts';
import { Errors } from './smallChecker.ts';

const DAMAGED =
  'The file is damaged or was not written by Subnet Studio; restore it or leave it out.';

/**
 * Checks data that came from a disk or a wire.
 * @param schema  what it should be
 * @param value  anything
 * @param what  where it came from, for the message
 * @param action  what to do about a value that does not pass; by default, about a file
 * @returns the same value, typed; unknown fields are kept
 * @throws EngineError `decode`, naming the path of the first bad field
 */
export function decodeValue<S extends TSchema>(
  schema: S,
  value: unknown,
  what: string,
  action = DAMAGED,
): Static<S> {
  if (acceptsValue(schema, value)) return value;
  const [, [first]] = Errors(schema, value);
  const path = first?.instancePath ?? '';
  const place = `${what}${path === '' ? '' : `, field ${path}`}`;
  const message = first?.message ?? 'must match its schema';
  const found = shorten(valueAt(value, path));
  throw new EngineError('decode', {
    what: place,
    expected: `a value that ${message}`,
    found,
    sentence: `${place} ${message}, but is ${found}.`,
    action,
  });
}

/**
 * Parses JSON text, then checks it as {@link decodeValue} does.
 * @throws EngineError `decode` for text that is no JSON too
 */
export function decodeJson<S extends TSchema>(schema: S, text: string, what: string): Static<S> {
  return decodeValue(schema, parseJson(text, what), what);
}

/**
 * Parses JSON text.
 * @throws EngineError `decode` when the text is no JSON, or nested deeper than any file of ours
 */
export function parseJson(text: string, what: string): unknown {
  if (isDeeperThan(text, MOST_JSON_DEPTH)) {
    throw new EngineError('decode', {
      what,
      expected: `JSON of at most ${MOST_JSON_DEPTH} levels`,
      found: 'deeper nesting',
      action: 'The file is damaged; restore it or leave it out.',
      sentence: `${what} is nested deeper than ${MOST_JSON_DEPTH} levels.`,
    });
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new EngineError(
      'decode',
      {
        what,
        expected: 'JSON',
        found: error instanceof Error ? error.message : 'something else',
        action: 'The file is damaged; restore it or leave it out.',
        sentence: `${what} is not JSON: ${error instanceof Error ? error.message : 'something else'}.`,
      },
      { cause: error },
    );
  }
}

/**
 * True when brackets outside of texts are nested deeper than a limit.
 * @param text  JSON, or anything
 */
export function isDeeperThan(text: string, most: number): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (character === QUOTE) at = endOfText(text, at);
    else if (character === OPEN_BRACKET || character === OPEN_BRACE) {
      if (++depth > most) return true;
    } else if (character === CLOSE_BRACKET || character === CLOSE_BRACE) depth--;
  }
  return false;
}

const [QUOTE, BACKSLASH] = [34, 92];
const [OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE] = [91, 93, 123, 125];

/**
 * Place of the quote that ends a text of JSON; the end of everything where none does.
 * @param start  place of the quote that begins it
 */
export function endOfText(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === BACKSLASH) slashes++;
    if (slashes % 2 === 0) return end;
  }
  return text.length;
}

/** Levels of a value that a message shows. */
const SHOWN_DEPTH = 3;
/** Entries of a list or an object that a message looks at. */
const SHOWN_ENTRIES = 16;

/** A value as one short piece of text for a message; of a large or deep one only the beginning. */
export function shorten(value: unknown, limit = 60): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(outline(value, limit, SHOWN_DEPTH)) ?? typeof value;
  return text.length <= limit ? text : `${text.slice(0, limit - 1)}…`;
}

function outline(value: unknown, limit: number, depth: number): unknown {
  if (typeof value === 'string') return value.slice(0, limit);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (depth === 0) return '…';
  const inner = (one: unknown): unknown => outline(one, limit, depth - 1);
  if (Array.isArray(value)) return value.slice(0, SHOWN_ENTRIES).map(inner);
  const entries = Object.entries(value).slice(0, SHOWN_ENTRIES);
  return Object.fromEntries(entries.map(([key, one]) => [key.slice(0, limit), inner(one)]));
}

/** The value at a JSON pointer; undefined when there is none. */
export function valueAt(value: unknown, pointer: string): unknown {
  let here = value;
  for (const part of pointer.split('/').slice(1)) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof here !== 'object' || here === null || !Object.hasOwn(here, key)) return undefined;
    here = (here as Record<string, unknown>)[key];
  }
  return here;
}
