import type { Static, TSchema } from 'typebox';
import type { SchemaNode } from './describeSchema.ts';
import { Check } from './smallChecker.ts';

/** True when a schema accepts a value. */
export function acceptsValue<S extends TSchema>(schema: S, value: unknown): value is Static<S>;
export function acceptsValue(schema: SchemaNode, value: unknown): boolean;
export function acceptsValue(schema: TSchema, value: unknown): boolean {
  return Check(schema, value);
}
