import type { TSchema } from 'typebox';
import Value from 'typebox/value';
import type { SchemaNode } from './describeSchema.ts';

/** True when a schema accepts a value. */
export function acceptsValue(schema: SchemaNode, value: unknown): boolean {
  return Value.Check(schema as TSchema, value);
}
