import { getNodeValue, parseTree, printParseErrorCode, type Node } from 'jsonc-parser';
import type { ParseError } from 'jsonc-parser';
import Value from 'typebox/value';
import { LineIndex, didYouMean, type ConfigProblem } from './configProblem.ts';
import { shorten, valueAt } from './decode.ts';
import { describeSchema, type SchemaNode } from './describeSchema.ts';
import { EngineError } from './errors.ts';
import { runConfigSchema, type RunConfig } from './runConfig.ts';
import { expandSearch } from './searchPresets.ts';

const rootSchema = runConfigSchema as unknown as SchemaNode;
/** Longest config text read, UTF-16 units: a thousand times the longest sensible one. */
const LONGEST_TEXT = 1 << 20;
/** Problems told at once; more would bury the first. */
const MOST_PROBLEMS = 12;

/**
 * Reads a run config.
 * @param text  JSON with comments and trailing commas
 * @param path  where it came from, for messages
 * @returns the config as written; see `resolveConfig` for the defaults
 * @throws EngineError `config` that tells all problems, each with line and column
 */
export function parseRunConfig(text: string, path: string): RunConfig {
  const { config, problems } = checkRunConfig(text);
  if (config !== undefined) return config;
  throw configError(path, problems);
}

/**
 * Reads a run config without throwing, for editors.
 * @returns the config, or at least one problem, in the order of the text
 */
export function checkRunConfig(text: string): {
  readonly config?: RunConfig;
  readonly problems: readonly ConfigProblem[];
} {
  if (text.length > LONGEST_TEXT) {
    return { problems: [whole('a config of at most 1 MiB', `${text.length} characters`)] };
  }
  const errors: ParseError[] = [];
  let tree: Node | undefined;
  try {
    tree = parseTree(text, errors, { allowTrailingComma: true, disallowComments: false });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { problems: [whole('a config of a few levels', 'brackets nested too deep to read')] };
  }
  const reporter = new Reporter(text);
  for (const { error, offset, length } of errors) {
    reporter.add('', offset, length, 'valid JSON with comments', words(printParseErrorCode(error)));
  }
  if (tree === undefined || tree.type !== 'object') {
    const found = tree === undefined ? 'nothing' : `a ${tree.type}`;
    reporter.add(
      '',
      tree?.offset ?? 0,
      1,
      'an object { "model": …, "ratio": …, "text": … }',
      found,
    );
  }
  if (reporter.problems.length > 0 || tree === undefined) return { problems: reporter.sorted() };
  checkKeys(tree, rootSchema, [], reporter);
  const value: unknown = getNodeValue(tree);
  checkValues(tree, value, reporter);
  if (reporter.problems.length === 0) checkSense(tree, value as RunConfig, reporter);
  return reporter.problems.length > 0
    ? { problems: reporter.sorted() }
    : { config: value as RunConfig, problems: [] };
}

/** The one error that tells all problems of a config. */
function configError(path: string, problems: readonly ConfigProblem[]): EngineError {
  const [first] = problems;
  const action = 'Correct the config; docs/CONFIG.md explains every field.';
  if (first === undefined || problems.length === 1) {
    const { line, column, field, expected, found } = first ?? whole('a config', 'none');
    const what = `${path}:${line}:${column}${field === '' ? '' : ` "${field}"`}`;
    return new EngineError('config', { what, expected, found, action });
  }
  const lines = problems
    .slice(0, MOST_PROBLEMS)
    .map(
      ({ line, column, field, expected, found }) =>
        `\n  ${line}:${column} ${field === '' ? '' : `"${field}": `}expected ${expected}, found ${found}`,
    );
  const more = problems.length - lines.length;
  return new EngineError('config', {
    what: path,
    expected: 'a valid config',
    found: `${problems.length} problems${lines.join('')}${more > 0 ? `\n  and ${more} more` : ''}`,
    action,
  });
}

/** Unknown, misplaced and repeated keys. */
function checkKeys(
  node: Node,
  schema: SchemaNode,
  path: readonly string[],
  reporter: Reporter,
): void {
  const { properties } = schema;
  if (node.type !== 'object' || properties === undefined) return;
  const seen = new Set<string>();
  for (const { children } of node.children ?? []) {
    const [keyNode, valueNode] = children ?? [];
    if (keyNode === undefined) continue;
    const key = String(keyNode.value);
    const field = [...path, key].join('.');
    const known = Object.hasOwn(properties, key) ? properties[key] : undefined;
    if (seen.has(key)) {
      reporter.add(field, keyNode.offset, keyNode.length, 'each field once', 'it a second time');
    } else if (known === undefined) {
      const found = `an unknown field${suggestion(key, path, properties)}`;
      reporter.add(field, keyNode.offset, keyNode.length, 'a known field', found);
    } else if (valueNode !== undefined) {
      checkKeys(valueNode, known, [...path, key], reporter);
    }
    seen.add(key);
  }
}

function suggestion(
  key: string,
  path: readonly string[],
  properties: Readonly<Record<string, SchemaNode>>,
): string {
  const near = didYouMean(key, Object.keys(properties));
  if (near !== undefined) return `; did you mean "${near}"?`;
  const elsewhere = placesOf(key, rootSchema, []).filter(
    (place) => place !== [...path, key].join('.'),
  );
  return elsewhere.length === 0 ? '' : `; did you mean "${elsewhere.join('" or "')}"?`;
}

function placesOf(key: string, schema: SchemaNode, path: readonly string[]): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, child]) => [
    ...(name === key ? [[...path, name].join('.')] : []),
    ...placesOf(key, child, [...path, name]),
  ]);
}

/** Missing fields, wrong types and values out of range. */
function checkValues(tree: Node, value: unknown, reporter: Reporter): void {
  const told = new Set<string>();
  for (const error of Value.Errors(runConfigSchema, value)) {
    // Unknown keys are told by checkKeys, with a suggestion.
    if (error.keyword === 'additionalProperties' || error.keyword === 'boolean') continue;
    if (error.keyword === 'required') {
      for (const name of error.params.requiredProperties) {
        const { node } = locate(tree, error.instancePath);
        reporter.add(name, node.offset, 1, `the field "${name}"`, 'none');
      }
      continue;
    }
    const { schema, pointer, node } = locate(tree, error.instancePath);
    if (told.has(pointer)) continue;
    told.add(pointer);
    const field = pointer.slice(1).replaceAll('/', '.');
    const found = shorten(valueAt(value, pointer));
    reporter.add(field, node.offset, node.length, describeSchema(schema), found);
  }
}

/**
 * Schema and text of the field an error is about. Errors inside a union or a list are told of the
 * whole field, because the user thinks of it as one value.
 */
function locate(
  tree: Node,
  instancePath: string,
): { schema: SchemaNode; pointer: string; node: Node } {
  let schema = rootSchema;
  let node = tree;
  let pointer = '';
  for (const part of instancePath.split('/').slice(1)) {
    const child = schema.properties?.[part];
    const property = node.children?.find(({ children }) => children?.[0]?.value === part);
    const next = property?.children?.[1];
    if (child === undefined || next === undefined) break;
    [schema, node, pointer] = [child, next, `${pointer}/${part}`];
  }
  return { schema, pointer, node };
}

/** What a schema cannot say: values that do not fit each other. */
function checkSense(tree: Node, config: RunConfig, reporter: Reporter): void {
  const { ranges, population, top, mutations, crossovers } = expandSearch(
    config.search,
    config.ratio,
  );
  const tell = (pointer: string, expected: string, found: string): void => {
    const { node } = locate(tree, pointer);
    reporter.add(pointer.slice(1).replaceAll('/', '.'), node.offset, node.length, expected, found);
  };
  for (const [name, [low, high]] of Object.entries(ranges)) {
    if (low > high) tell(`/search/ranges/${name}`, 'lowest ≤ highest', `${low} > ${high}`);
  }
  if (top > population) tell('/search/top', `at most the population, ${population}`, String(top));
  if (mutations + crossovers > population) {
    const sum = `${mutations} + ${crossovers}`;
    tell('/search/mutations', `mutations + crossovers ≤ population, ${population}`, sum);
  }
  if (config.search?.enabled === false) return;
  const least = Math.min(ranges.attention[0], ranges.mlp[0]) * ranges.depth[0];
  const most = Math.max(ranges.attention[1], ranges.mlp[1]) * ranges.depth[1];
  if (config.ratio < least || config.ratio > most) {
    tell(
      '/ratio',
      `a ratio from ${least} to ${most}, which search.ranges allows`,
      `${config.ratio}`,
    );
  }
}

class Reporter {
  readonly problems: ConfigProblem[] = [];
  private readonly lines: LineIndex;

  constructor(text: string) {
    this.lines = new LineIndex(text);
  }

  add(field: string, offset: number, length: number, expected: string, found: string): void {
    this.problems.push({ ...this.lines.at(offset), length, field, expected, found });
  }

  sorted(): readonly ConfigProblem[] {
    return this.problems.sort((a, b) => a.line - b.line || a.column - b.column);
  }
}

function whole(expected: string, found: string): ConfigProblem {
  return { line: 1, column: 1, length: 1, field: '', expected, found };
}

/** `PropertyNameExpected` → `property name expected`. */
function words(code: string): string {
  return code.replaceAll(/(?<=[a-z])(?=[A-Z])/g, ' ').toLowerCase();
}
