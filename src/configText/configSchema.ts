import type { Node } from 'jsonc-parser';
import { describeSchema, type SchemaNode } from '../protocol/describeSchema.ts';
import { DEFAULT_METHOD, type Method, methodNames, methodOf } from '../protocol/methods.ts';
import { runConfigSchema } from '../protocol/runConfig.ts';
import { searchNumbers } from '../protocol/searchPresets.ts';
import { fieldValue } from './configTree.ts';

/** The schema of a whole config. */
export const configSchema = runConfigSchema as unknown as SchemaNode;

/** The schema of a field or section, or `[]` of a list; undefined when there is none of that name. */
export function schemaAt(path: readonly string[]): SchemaNode | undefined {
  let schema: SchemaNode | undefined = configSchema;
  for (const name of path) {
    const { properties, items }: SchemaNode = schema ?? {};
    const known = properties !== undefined && Object.hasOwn(properties, name);
    const isTuple = Array.isArray(items);
    if (name === '[]') schema = isTuple ? undefined : (items as SchemaNode | undefined);
    else schema = known ? properties[name] : undefined;
  }
  return schema;
}

/** Names of the fields and sections of a section, in the order of the schema. */
export function namesIn(section: readonly string[]): readonly string[] {
  return Object.keys(schemaAt(section)?.properties ?? {});
}

/** True when a section of this path needs that field. */
export function isRequired(path: readonly string[]): boolean {
  return schemaAt(path.slice(0, -1))?.required?.includes(path.at(-1) ?? '') === true;
}

/** What a description says, in its parts. */
export interface FieldWords {
  /** What the field is, its unit and its effect. */
  readonly what: string;
  /** The paper's value; null where it has none. */
  readonly paper: string | null;
}

/** Splits "… Paper: 100." off a description. */
export function wordsOf(schema: SchemaNode): FieldWords {
  const text = schema.description ?? '';
  const match = /^(.*?)\s*Paper: (.*?)\.?$/s.exec(text);
  return match === null ? { what: text, paper: null } : { what: match[1]!, paper: match[2]! };
}

/** What a description says of one value of a choice, e.g. of "obs"; empty when it says nothing. */
export function wordsOfChoice(schema: SchemaNode, value: unknown): string {
  const name = JSON.stringify(value);
  const { what } = wordsOf(schema);
  const start = what.indexOf(`${name}: `);
  if (start < 0) return '';
  const said = what.slice(start + name.length + 2);
  const end = /\.(?= "|$)/.exec(said);
  return end === null ? said : said.slice(0, end.index + 1);
}

/** What a field takes, in words: "a whole number from 1 to 65536". */
export function takes(schema: SchemaNode): string {
  return schema.properties === undefined ? describeSchema(schema) : 'a section { … }';
}

/** What gives values to the fields of the search: a method, or a preset of it. */
export type NumbersName = keyof typeof searchNumbers;

/** The values that methods and presets give to a field, by name; none for fields that they do not name. */
export function presetValues(path: readonly string[]): ReadonlyMap<NumbersName, unknown> {
  const owner = methodOf(path.join('.'));
  const names = Object.keys(searchNumbers) as NumbersName[];
  const found = names
    .filter((name) => owner === undefined || (owner === 'levels') === (name === 'levels'))
    .map((name) => [name, valueIn(searchNumbers[name], path)] as const);
  return new Map(found.filter(([, value]) => value !== undefined));
}

/** The method of a config that may have faults. */
export function methodIn(tree: Node | undefined): Method {
  const written = fieldValue(tree, ['method']);
  return methodNames.find((name) => name === written) ?? DEFAULT_METHOD;
}

/** True for a field that the method of a config reads. */
export function isRead(path: readonly string[], tree: Node | undefined): boolean {
  const owner = methodOf(path.join('.'));
  return owner === undefined || owner === methodIn(tree);
}

/** Which of them a config takes its values from. */
export function numbersNameOf(tree: Node | undefined): NumbersName {
  if (methodIn(tree) === 'levels') return 'levels';
  return fieldValue(tree, ['search', 'preset']) === 'quick' ? 'quick' : 'methodA';
}

function valueIn(numbers: unknown, path: readonly string[]): unknown {
  if (path[0] !== 'search') return undefined;
  let value = numbers;
  for (const name of path.slice(1)) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) {
      return undefined;
    }
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

/** The default of a field in words of Markdown; null when the schema knows none. */
export function defaultWords(path: readonly string[]): string | null {
  const schema = schemaAt(path);
  if (schema === undefined || schema.properties !== undefined) return null;
  if (schema.default !== undefined) return code(schema.default);
  const values = [...presetValues(path)];
  if (values.length === 0) return null;
  return values.map(([preset, value]) => `${preset} ${code(value)}`).join(', ');
}

function code(value: unknown): string {
  return `\`${JSON.stringify(value)}\``;
}
