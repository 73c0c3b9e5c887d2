import type { Static, TSchema } from 'typebox';
import { Check } from 'typebox/schema';
import type { SchemaNode } from './describeSchema.ts';

/**
 * True when a schema accepts a value.
 *
 * The library's small checker: that of "typebox/value" is three times its size, and every start of
 * the editor reads it.
 */
export function acceptsValue<S extends TSchema>(schema: S, value: unknown): value is Static<S>;
export function acceptsValue(schema: SchemaNode, value: unknown): boolean;
export function acceptsValue(schema: TSchema, value: unknown): boolean {
  return Check(schema, value);
}
