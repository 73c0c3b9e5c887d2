import type { Static, TSchema } from 'typebox';
import { Errors } from 'typebox/schema';
import { acceptsValue } from './acceptsValue.ts';
import { EngineError } from './errors.ts';

/**
 * Checks data that came from a disk or a wire.
 * @param schema  what it should be
 * @param value  anything
 * @param what  where it came from, for the message
 * @returns the same value, typed; unknown fields are kept
 * @throws EngineError `decode`, naming the path of the first bad field
 */
export function decodeValue<S extends TSchema>(schema: S, value: unknown, what: string): Static<S> {
  if (acceptsValue(schema, value)) return value;
  const [, [first]] = Errors(schema, value);
  const path = first?.instancePath ?? '';
  throw new EngineError('decode', {
    what: `${what}${path === '' ? '' : `, field ${path}`}`,
    expected: `a value that ${first?.message ?? 'matches its schema'}`,
    found: shorten(valueAt(value, path)),
    action: 'The file is damaged or was not written by Subnet Studio; restore it or leave it out.',
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
 * @throws EngineError `decode` when the text is no JSON
 */
export function parseJson(text: string, what: string): unknown {
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
      },
      { cause: error },
    );
  }
}

/** A value as one short piece of text for a message. */
export function shorten(value: unknown, limit = 60): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return text.length <= limit ? text : `${text.slice(0, limit - 1)}…`;
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
