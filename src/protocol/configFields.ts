import * as Type from 'typebox';
import type { TObject, TOptional, TPartial, TProperties } from 'typebox';

/**
 * A group of fields of the run config in which every field may be left out.
 * @param description  one sentence
 * @param properties  the fields
 * @returns an optional, closed object schema
 */
export function section<P extends TProperties>(
  description: string,
  properties: P,
): TOptional<TPartial<TObject<P>>> {
  const optional = Object.fromEntries(
    Object.entries(properties).map(([name, field]) => [name, Type.Optional(field)]),
  );
  // `Type.Partial` says the same, but brings 40 KB of type arithmetic into every bundle.
  const fields = Type.Object(optional, { default: {}, description, additionalProperties: false });
  return Type.Optional(fields) as unknown as TOptional<TPartial<TObject<P>>>;
}

/**
 * A whole number.
 * @param description  unit, effect and the paper's value
 * @param bounds  smallest and largest legal value, and the default where it is the same everywhere
 */
export function whole(
  description: string,
  bounds: { minimum: number; maximum: number; default?: number },
): ReturnType<typeof Type.Integer> {
  return Type.Integer({ ...bounds, description });
}

/**
 * A kept share, above 0 and at most 1.
 * @param description  unit, effect and the paper's value
 */
export function fraction(description: string): ReturnType<typeof Type.Number> {
  return Type.Number({ exclusiveMinimum: 0, maximum: 1, description });
}

/**
 * A probability.
 * @param description  unit, effect and the paper's value
 */
export function probability(description: string): ReturnType<typeof Type.Number> {
  return Type.Number({ minimum: 0, maximum: 1, description });
}
