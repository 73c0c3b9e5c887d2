// Checks values against what this repository uses of JSON Schema. The checker of the library that makes
// the schemas knows all of it: it is as large as a third of the editor's host, and takes many times as
// long for the lines of a log. A test compares the verdicts of both.
//
// A schema is turned into functions once.

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

/** The first flaw of a value; its path begins at this value, so that one without costs no path. */
type FindFlaw = (value: unknown) => Flaw | undefined;

/** True when a schema accepts a value. */
export function Check(schema: object, value: unknown): boolean {
  return finderOf(schema)(value) === undefined;
}

/** Whether a schema accepts a value, and the first thing that is wrong with it. */
export function Errors(schema: object, value: unknown): [boolean, Flaw[]] {
  const found = finderOf(schema)(value);
  return found === undefined ? [true, []] : [false, [found]];
}

const finders = new WeakMap<Schema, FindFlaw>();

function finderOf(schema: Schema): FindFlaw {
  let finder = finders.get(schema);
  if (finder === undefined) finders.set(schema, (finder = compile(schema)));
  return finder;
}

function compile(schema: Schema): FindFlaw {
  const { type, anyOf, enum: choices } = schema;
  const checks: FindFlaw[] = [];
  if (anyOf !== undefined) checks.push(anyFlaw(anyOf.map(finderOf)));
  if (choices !== undefined) {
    const allowed = new Set(choices);
    checks.push((value) =>
      allowed.has(value) ? undefined : flaw('must be equal to one of the allowed values'),
    );
  }
  if ('const' in schema) {
    const { const: only } = schema;
    checks.push((value) => (value === only ? undefined : flaw('must be equal to constant')));
  }
  if (type !== undefined) {
    const fits = typeTest(type);
    checks.push((value) => (fits(value) ? undefined : flaw(`must be ${type}`)));
  }
  checks.push(...partChecks(schema));
  const [first, second, ...others] = checks;
  if (first === undefined) return () => undefined;
  if (second === undefined) return first;
  if (others.length === 0) return (value) => first(value) ?? second(value);
  return (value) => {
    for (const check of checks) {
      const found = check(value);
      if (found !== undefined) return found;
    }
    return undefined;
  };
}

/** What a schema says of numbers, strings, lists and objects; each lets values of other types pass. */
function partChecks(schema: Schema): FindFlaw[] {
  const checks: FindFlaw[] = [];
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema;
  if ([minimum, maximum, exclusiveMinimum, exclusiveMaximum].some((one) => one !== undefined)) {
    checks.push((value) => (typeof value === 'number' ? numberFlaw(schema, value) : undefined));
  }
  const { minLength, maxLength, pattern } = schema;
  if (minLength !== undefined || maxLength !== undefined || pattern !== undefined) {
    const shape = pattern === undefined ? undefined : new RegExp(pattern, 'u');
    checks.push((value) =>
      typeof value === 'string' ? stringFlaw(schema, shape, value) : undefined,
    );
  }
  const { items, minItems, maxItems, additionalItems } = schema;
  if ([items, minItems, maxItems, additionalItems].some((one) => one !== undefined)) {
    const each = itemFinders(items);
    checks.push((value) => (Array.isArray(value) ? arrayFlaw(schema, each, value) : undefined));
  }
  const { properties, required, additionalProperties } = schema;
  if ([properties, required, additionalProperties].some((one) => one !== undefined)) {
    const object = objectChecks(schema);
    checks.push((value) => (isObject(value) ? objectFlaw(object, value) : undefined));
  }
  return checks;
}

function anyFlaw(finders: readonly FindFlaw[]): FindFlaw {
  return (value) => {
    for (const find of finders) if (find(value) === undefined) return undefined;
    return flaw('must match a schema in anyOf');
  };
}

function typeTest(type: string): (value: unknown) => boolean {
  switch (type) {
    case 'null':
      return (value) => value === null;
    case 'array':
      return Array.isArray;
    case 'object':
      return isObject;
    case 'integer':
      return Number.isInteger;
    case 'number':
      return Number.isFinite;
    default:
      return (value) => typeof value === type;
  }
}

function flaw(message: string): Flaw {
  return { instancePath: '', message };
}

/** A flaw of a part as one of the whole. */
function under(key: string | number, { instancePath, message }: Flaw): Flaw {
  const part = String(key).replaceAll('~', '~0').replaceAll('/', '~1');
  return { instancePath: `/${part}${instancePath}`, message };
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

function stringFlaw(
  { minLength, maxLength, pattern }: Schema,
  shape: RegExp | undefined,
  value: string,
): Flaw | undefined {
  // Characters are counted as people do; that is slow, and no more than the units of the string.
  const tooShort = minLength !== undefined && value.length < minLength;
  if (tooShort || (minLength !== undefined && minLength > 1 && lengthOf(value) < minLength)) {
    return flaw(`must not have fewer than ${minLength} characters`);
  }
  if (maxLength !== undefined && value.length > maxLength && lengthOf(value) > maxLength) {
    return flaw(`must not have more than ${maxLength} characters`);
  }
  if (shape?.test(value) === false) {
    return flaw(`must match pattern "${pattern}"`);
  }
  return undefined;
}

function lengthOf(text: string): number {
  return [...new Intl.Segmenter().segment(text)].length;
}

/** By the place of an item; one alone is of every item. */
function itemFinders(items: Schema['items']): FindFlaw | readonly FindFlaw[] | undefined {
  if (items === undefined) return undefined;
  return isList(items) ? items.map(finderOf) : finderOf(items);
}

function arrayFlaw(
  { items, minItems, maxItems, additionalItems }: Schema,
  each: ReturnType<typeof itemFinders>,
  value: readonly unknown[],
): Flaw | undefined {
  if (minItems !== undefined && value.length < minItems) {
    return flaw(`must not have fewer than ${minItems} items`);
  }
  const most = maxItems ?? (additionalItems === false && isList(items) ? items.length : Infinity);
  if (value.length > most) return flaw(`must not have more than ${most} items`);
  if (each === undefined) return undefined;
  for (let i = 0; i < value.length; i++) {
    const find = typeof each === 'function' ? each : each[i];
    const found = find?.(value[i]);
    if (found !== undefined) return under(i, found);
  }
  return undefined;
}

interface ObjectChecks {
  readonly required: readonly string[];
  readonly known: ReadonlyMap<string, { readonly find: FindFlaw; readonly isRequired: boolean }>;
  /** What other properties must be; `false` where there may be none, undefined for anything. */
  readonly others: FindFlaw | false | undefined;
}

function objectChecks({
  properties = {},
  required = [],
  additionalProperties,
}: Schema): ObjectChecks {
  const known = Object.entries(properties).map(
    ([key, one]) => [key, { find: finderOf(one), isRequired: required.includes(key) }] as const,
  );
  const others =
    typeof additionalProperties === 'object' ? finderOf(additionalProperties) : undefined;
  return {
    required,
    known: new Map(known),
    others: additionalProperties === false ? false : others,
  };
}

function objectFlaw(
  { required, known, others }: ObjectChecks,
  value: Readonly<Record<string, unknown>>,
): Flaw | undefined {
  for (const key of required) {
    if (!Object.hasOwn(value, key)) return flaw(`must have required properties ${missing()}`);
  }
  for (const key in value) {
    if (!Object.hasOwn(value, key)) continue;
    const item = value[key];
    const property = known.get(key);
    if (property === undefined) {
      if (others === false) return flaw('must not have additional properties');
      const found = others?.(item);
      if (found !== undefined) return under(key, found);
      continue;
    }
    // A property that is there but undefined counts as absent where it may be.
    if (item === undefined && !property.isRequired) continue;
    const found = property.find(item);
    if (found !== undefined) return under(key, found);
  }
  return undefined;

  function missing(): string {
    return required.filter((key) => !Object.hasOwn(value, key)).join(', ');
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isList(items: Schema['items']): items is readonly Schema[] {
  return Array.isArray(items);
}
