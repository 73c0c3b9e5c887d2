import { EngineError } from '../../protocol/errors.ts';
import { shown } from './shown.ts';

/**
 * Parses the bytes of a JSON file whose top level must be an object.
 *
 * @param bytes  the file's content, UTF-8
 * @param what   the file's name, for messages
 * @throws EngineError `checkpoint` when it is not such a file
 */
export function parseJsonObject(bytes: Uint8Array, what: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw jsonError(what, 'JSON text', 'bytes that are not JSON', cause);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw jsonError(what, 'a JSON object', shown(value));
  }
  return value as Record<string, unknown>;
}

function jsonError(what: string, expected: string, found: string, cause?: unknown): EngineError {
  return new EngineError(
    'checkpoint',
    { what, expected, found, action: 'Download or copy the model folder again.' },
    { cause },
  );
}
