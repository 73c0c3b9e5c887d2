import { createHash } from 'node:crypto';
import type { Mode } from 'node:fs';
import { isEngineError } from '../protocol/errors.ts';
import { parseJson } from '../protocol/decode.ts';
import { readPlainText } from './plainFile.ts';
import { refuseNonFinite, replaceFile } from './writeFile.ts';

/** A JSON file with a checksum of its content: what the content is called, and what stands beside. */
export interface CheckedFormat {
  /** Name of the field that the checksum is of, e.g. `result`. */
  readonly field: string;
  /** Short fields before it, e.g. which stage it is of; reading expects the same ones. */
  readonly head: Readonly<Record<string, string | number>>;
}

/** What {@link readChecked} found. */
export type Checked =
  | { readonly kind: 'absent' }
  | { readonly kind: 'damaged' }
  | { readonly kind: 'whole'; readonly value: unknown };

/**
 * Writes a value with its checksum, whole or not at all.
 * @param value  plain data, finite numbers
 * @throws EngineError `disk`, `numeric`
 */
export function writeChecked(
  path: string,
  { field, head }: CheckedFormat,
  value: unknown,
  mode?: Mode,
): void {
  const json = JSON.stringify(value, refuseNonFinite);
  const before = JSON.stringify({ ...head, sha256: sha256Of(json) }).slice(0, -1);
  replaceFile(path, `${before},${JSON.stringify(field)}:${json}}\n`, mode);
}

/**
 * Reads a value that {@link writeChecked} wrote. Files without a checksum are those of older versions.
 * @param path  a file of ours; no link is followed
 * @returns the value, which is what was written; its shape is unchecked
 * @throws EngineError `disk` when it is no plain file or cannot be read
 */
export function readChecked(path: string, format: CheckedFormat, mostBytes: number): Checked {
  const text = readPlainText(path, { links: 'refused', mostBytes });
  if (text === undefined) return { kind: 'absent' };
  const record = parsedRecord(text, path);
  const { field, head } = format;
  const isOurs = Object.entries(head).every(([name, value]) => record?.[name] === value);
  const value = record?.[field];
  if (!isOurs || value === undefined) return { kind: 'damaged' };
  const sha256 = record?.['sha256'];
  // JSON keeps the order of keys and the digits of numbers, so the same text comes out again.
  const isWhole = sha256 === undefined || sha256 === sha256Of(JSON.stringify(value));
  return isWhole ? { kind: 'whole', value } : { kind: 'damaged' };
}

function parsedRecord(text: string, path: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value = parseJson(text, path);
    return typeof value === 'object' && value !== null
      ? (value as Record<string, unknown>)
      : undefined;
  } catch (error) {
    if (isEngineError(error, 'decode')) return undefined;
    throw error;
  }
}

function sha256Of(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
