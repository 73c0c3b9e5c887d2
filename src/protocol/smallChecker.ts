// Checks values against what this repository uses of JSON Schema. esbuild.mjs puts it in the place of
// "typebox/schema" in the host, which every start of the editor reads: that checker knows all of JSON
// Schema and is a third of the host's size. A test compares the verdicts of both.

interface Schema {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema | readonly Schema[];
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly additionalItems?: boolean;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
}

/** Where a value is not what its schema says. */
export interface Flaw {
  readonly instancePath: string;
  readonly message: string;
}

/** True when a schema accepts a value. */
export function Check(schema: object, value: unknown): boolean {
  return flawOf(schema, value) === undefined;
}

/** Whether a schema accepts a value, and the first thing that is wrong with it. */
export function Errors(schema: object, value: unknown): [boolean, Flaw[]] {
  const found = flawOf(schema, value);
  return found === undefined ? [true, []] : [false, [found]];
}

/** The first flaw; its path begins at this value, so that a value without one costs no path. */
function flawOf(schema: Schema, value: unknown): Flaw | undefined {
  if (schema.anyOf !== undefined) {
    const fits = schema.anyOf.some((one) => flawOf(one, value) === undefined);
    if (!fits) return flaw('must match a schema in anyOf');
  }
  if (schema.enum?.includes(value) === false) {
    return flaw('must be equal to one of the allowed values');
  }
  if ('const' in schema && schema.const !== value) return flaw('must be equal to constant');
  if (schema.type !== undefined && !hasType(schema.type, value)) {
    return flaw(`must be ${schema.type}`);
  }
  if (typeof value === 'number') return numberFlaw(schema, value);
  if (typeof value === 'string') return stringFlaw(schema, value);
  if (Array.isArray(value)) return arrayFlaw(schema, value);
  if (isObject(value)) return objectFlaw(schema, value);
  return undefined;
}

function hasType(type: string, value: unknown): boolean {
  switch (type) {
    case 'null':
      return value === null;
    case 'array':
      return Array.isArray(value);
    case 'object':
      return isObject(value);
    case 'integer':
      return Number.isInteger(value);
    case 'number':
      return Number.isFinite(value);
    default:
      return typeof value === type;
  }
}

function flaw(message: string): Flaw {
  return { instancePath: '', message };
}

/** A flaw of a part as one of the whole. */
function under(key: string | number, { instancePath, message }: Flaw): Flaw {
  return { instancePath: `/${key}${instancePath}`, message };
}

function numberFlaw(schema: Schema, value: number): Flaw | undefined {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema;
  if (minimum !== undefined && value < minimum) return flaw(`must be >= ${minimum}`);
  if (maximum !== undefined && value > maximum) return flaw(`must be <= ${maximum}`);
  if (exclusiveMinimum !== undefined && value <= exclusiveMinimum) {
    return flaw(`must be > ${exclusiveMinimum}`);
  }
  if (exclusiveMaximum !== undefined && value >= exclusiveMaximum) {
    return flaw(`must be < ${exclusiveMaximum}`);
  }
  return undefined;
}

function stringFlaw(schema: Schema, value: string): Flaw | undefined {
  const { minLength, maxLength, pattern } = schema;
  // Characters are counted as people do; that is slow, and no more than the units of the string.
  const tooShort = minLength !== undefined && value.length < minLength;
  if (tooShort || (minLength !== undefined && minLength > 1 && lengthOf(value) < minLength)) {
    return flaw(`must not have fewer than ${minLength} characters`);
  }
  if (maxLength !== undefined && value.length > maxLength && lengthOf(value) > maxLength) {
    return flaw(`must not have more than ${maxLength} characters`);
  }
  if (pattern !== undefined && !new RegExp(pattern, 'u').test(value)) {
    return flaw(`must match pattern "${pattern}"`);
  }
  return undefined;
}

function lengthOf(text: string): number {
  return [...new Intl.Segmenter().segment(text)].length;
}

function arrayFlaw(schema: Schema, value: readonly unknown[]): Flaw | undefined {
  const { items, minItems, maxItems } = schema;
  if (minItems !== undefined && value.length < minItems) {
    return flaw(`must not have fewer than ${minItems} items`);
  }
  const most =
    maxItems ?? (schema.additionalItems === false && isList(items) ? items.length : Infinity);
  if (value.length > most) return flaw(`must not have more than ${most} items`);
  for (const [i, item] of value.entries()) {
    const one = isList(items) ? items[i] : items;
    const found = one === undefined ? undefined : flawOf(one, item);
    if (found !== undefined) return under(i, found);
  }
  return undefined;
}

function objectFlaw(schema: Schema, value: Readonly<Record<string, unknown>>): Flaw | undefined {
  const { properties = {}, required = [], additionalProperties: others } = schema;
  const missing = required.filter((key) => !Object.hasOwn(value, key));
  if (missing.length > 0) {
    return flaw(`must have required properties ${missing.join(', ')}`);
  }
  for (const [key, item] of Object.entries(value)) {
    const known = Object.hasOwn(properties, key) ? properties[key] : undefined;
    const one = known ?? (typeof others === 'object' ? others : undefined);
    if (one === undefined) {
      if (others !== false) continue;
      return flaw('must not have additional properties');
    }
    // A property that is there but undefined counts as absent where it may be.
    if (item === undefined && known !== undefined && !required.includes(key)) continue;
    const found = flawOf(one, item);
    if (found !== undefined) return under(key.replaceAll('~', '~0').replaceAll('/', '~1'), found);
  }
  return undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isList(items: Schema['items']): items is readonly Schema[] {
  return Array.isArray(items);
}
