/** The parts of a JSON Schema that our config uses. */
export interface SchemaNode {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly SchemaNode[];
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly items?: SchemaNode | readonly SchemaNode[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
}

/** What a schema accepts, in words that fit after "must be". */
export function describeSchema(schema: SchemaNode): string {
  if (schema.anyOf !== undefined) return schema.anyOf.map(describeSchema).join(', or ');
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) {
    return `one of ${schema.enum.map((value) => JSON.stringify(value)).join(', ')}`;
  }
  switch (schema.type) {
    case 'boolean':
      return 'true or false';
    case 'integer':
      return `a whole number${describeRange(schema)}`;
    case 'number':
      return `a number${describeRange(schema)}`;
    case 'string':
      return schema.maxLength === undefined
        ? 'a text that is not empty'
        : `a text of ${schema.minLength ?? 0} to ${schema.maxLength} characters`;
    case 'array':
      return describeArray(schema);
    case 'object':
      return 'an object { … }';
    default:
      return 'another value';
  }
}

function describeArray(schema: SchemaNode): string {
  const { items } = schema;
  if (items === undefined) return 'a list';
  if (!isTuple(items)) return `a list of which each is ${describeSchema(items)}`;
  return `a list of ${items.length}, each ${items[0] === undefined ? '' : describeSchema(items[0])}`;
}

function isTuple(items: SchemaNode | readonly SchemaNode[]): items is readonly SchemaNode[] {
  return Array.isArray(items);
}

function describeRange(schema: SchemaNode): string {
  const { minimum, maximum, exclusiveMinimum } = schema;
  const top = maximum === undefined ? '' : ` and at most ${maximum}`;
  if (exclusiveMinimum !== undefined) return ` above ${exclusiveMinimum}${top}`;
  if (minimum !== undefined && maximum !== undefined) return ` from ${minimum} to ${maximum}`;
  return minimum === undefined ? '' : ` of at least ${minimum}`;
}
