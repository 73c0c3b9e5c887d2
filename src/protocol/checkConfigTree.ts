import { findNodeAtLocation, getNodeValue, type Node } from 'jsonc-parser';
import { acceptsValue } from './acceptsValue.ts';
import { LineIndex, type ConfigProblem } from './configProblem.ts';
import { shorten } from './decode.ts';
import { describeSchema, type SchemaNode } from './describeSchema.ts';
import { misfitText } from './errors.ts';
import { DEFAULT_METHOD, methodNames, ownFields } from './methods.ts';
import { runConfigSchema, type RunConfig } from './runConfig.ts';
import { expandSearch } from './searchPresets.ts';
import { readPattern } from './sparsityPattern.ts';
import { suggestFields } from './suggestFields.ts';

const rootSchema = runConfigSchema as unknown as SchemaNode;

/** Collects problems by their place in a text. */
export class ProblemList {
  private readonly problems: ConfigProblem[] = [];
  private readonly lines: LineIndex;

  /** @param text  the config text that offsets refer to */
  constructor(text: string) {
    this.lines = new LineIndex(text);
  }

  /**
   * Adds a problem.
   * @param place  UTF-16 offset and length in the text
   * @param message  see {@link ConfigProblem}; absent: it is made of the others
   */
  add(
    field: string,
    place: { readonly offset: number; readonly length: number },
    expected: string,
    found: string,
    message = misfitText(field === '' ? 'the config' : `"${field}"`, expected, found),
  ): void {
    const { offset, length } = place;
    this.problems.push({ ...this.lines.at(offset), length, field, expected, found, message });
  }

  get isEmpty(): boolean {
    return this.problems.length === 0;
  }

  /** The problems in the order of the text. */
  sorted(): readonly ConfigProblem[] {
    return this.problems.sort((a, b) => a.line - b.line || a.column - b.column);
  }
}

/**
 * Checks a parsed config against the schema, and then whether its values fit each other.
 * @param tree  an object node
 * @param problems  told everything that is wrong
 * @returns the config; only to be used when there is no problem
 */
export function checkConfigTree(tree: Node, problems: ProblemList): RunConfig {
  checkNode(tree, rootSchema, [], problems);
  // The parser's objects have no prototype; the clone's are like any other.
  const config = structuredClone(getNodeValue(tree)) as RunConfig;
  if (problems.isEmpty) checkSense(tree, config, problems);
  return config;
}

/** Unknown, misplaced, repeated and missing keys, wrong types and values out of range. */
function checkNode(
  node: Node,
  schema: SchemaNode,
  path: readonly string[],
  problems: ProblemList,
): void {
  const { properties } = schema;
  const field = path.join('.');
  if (properties === undefined || node.type !== 'object') {
    const value: unknown = getNodeValue(node);
    if (acceptsValue(schema, value)) return;
    problems.add(field, node, describeSchema(schema), shorten(value));
    return;
  }
  const seen = new Set<string>();
  for (const { children } of node.children ?? []) {
    const [keyNode, valueNode] = children ?? [];
    if (keyNode === undefined) continue;
    const key = String(keyNode.value);
    const name = [...path, key].join('.');
    const known = Object.hasOwn(properties, key) ? properties[key] : undefined;
    if (seen.has(key)) {
      const message = `the field "${name}" is written a second time`;
      problems.add(name, keyNode, 'each field once', 'it a second time', message);
    } else if (known === undefined) {
      const hint = suggestion([...path, key]);
      const message = `unknown field "${shorten(name).slice(1, -1)}"${hint}`;
      problems.add(name, keyNode, 'a known field', `an unknown field${hint}`, message);
    } else if (valueNode !== undefined) {
      checkNode(valueNode, known, [...path, key], problems);
    }
    seen.add(key);
  }
  for (const key of schema.required ?? []) {
    const place = { offset: node.offset, length: 1 };
    if (seen.has(key)) continue;
    problems.add(key, place, `the field "${key}"`, 'none', `the field "${key}" is missing`);
  }
}

function suggestion(path: readonly string[]): string {
  const names = suggestFields(path).map((field) => {
    const isNeighbour = field.slice(0, -1).join('.') === path.slice(0, -1).join('.');
    return isNeighbour ? field.at(-1)! : field.join('.');
  });
  return names.length === 0 ? '' : `; did you mean "${names.join('" or "')}"?`;
}

/** What a schema cannot say: values that do not fit each other. */
function checkSense(tree: Node, config: RunConfig, problems: ProblemList): void {
  checkMethod(tree, config, problems);
  if ((config.method ?? DEFAULT_METHOD) === 'paper') checkSearch(tree, config, problems);
  checkWeightForms(tree, config, problems);
}

/** The search of the paper's method: counts and ranges. */
function checkSearch(
  tree: Node,
  { search: written, ratio }: RunConfig,
  problems: ProblemList,
): void {
  const search = expandSearch(written, 'paper');
  const { ranges, population, top, mutations, crossovers } = search;
  const tell = (field: string, expected: string, found: string): void => {
    problems.add(field, nearest(tree, field.split('.')), expected, found);
  };
  for (const [name, range] of Object.entries(ranges)) {
    const [low, high] = range ?? ANYTHING;
    if (low > high) {
      tell(`search.ranges.${name}`, 'two numbers, the lower one first', `${low} and ${high}`);
    }
  }
  if (top > population) {
    tell('search.top', `at most ${population} (the population)`, String(top));
  }
  if (mutations + crossovers > population) {
    const expected = `at most ${population} together with "crossovers" (the population)`;
    tell('search.mutations', expected, `${mutations} and ${crossovers}`);
  }
  if (!search.enabled) return;
  const attention: Ends = ranges.attention ?? ANYTHING;
  const mlp: Ends = ranges.mlp ?? ANYTHING;
  const depth: Ends = ranges.depth ?? OPEN_DEPTH;
  const least = Math.min(attention[0], mlp[0]) * depth[0];
  const most = Math.max(attention[1], mlp[1]) * depth[1];
  if (ratio < least || ratio > most) {
    tell('ratio', `a ratio from ${least} to ${most}, as search.ranges says`, String(ratio));
  }
}

/** Fields that the config's method does not read. */
function checkMethod(
  tree: Node,
  { method = DEFAULT_METHOD }: RunConfig,
  problems: ProblemList,
): void {
  for (const other of methodNames.filter((name) => name !== method)) {
    for (const field of ownFields[other]) {
      const node = findNodeAtLocation(tree, field.split('.'));
      if (node === undefined) continue;
      const message = `"${field}" has no effect under "method": "${method}"; it belongs to "${other}"`;
      problems.add(field, node, `"method": "${other}", or no "${field}"`, 'it', message);
    }
  }
}

/** Patterns of zeros, each marked where it stands, and the groups of integers. */
function checkWeightForms(tree: Node, config: RunConfig, problems: ProblemList): void {
  const check = (pattern: string | undefined, path: readonly (string | number)[]): void => {
    const flaw = pattern === undefined ? undefined : readPattern(pattern);
    const node = flaw?.kind === 'flaw' ? findNodeAtLocation(tree, [...path]) : undefined;
    if (flaw?.kind !== 'flaw' || node === undefined) return;
    problems.add(path.slice(0, 2).join('.'), node, flaw.expected, flaw.found);
  };
  check(config.sparsify?.pattern, ['sparsify', 'pattern']);
  for (const [i, pattern] of (config.compare?.patterns ?? []).entries()) {
    check(pattern, ['compare', 'patterns', i]);
  }
  const size = config.export?.groupSize;
  if (size !== undefined && (size & (size - 1)) !== 0) {
    const node = nearest(tree, ['export', 'groupSize']);
    problems.add('export.groupSize', node, 'a power of two, e.g. 32', String(size));
  }
}

type Ends = readonly [number, number, ...unknown[]];

/** A range the user left open: the engine then takes one that suits the ratio. */
const ANYTHING: Ends = [0, 1];

/** Blocks kept when the user leaves it open: the paper never drops more than a third. */
const OPEN_DEPTH: Ends = [2 / 3, 1];

/** The node of a field, or of the deepest section of it that was written. */
function nearest(tree: Node, path: readonly string[]): Node {
  for (let depth = path.length; depth > 0; depth--) {
    const node = findNodeAtLocation(tree, path.slice(0, depth));
    if (node !== undefined) return node;
  }
  return tree;
}
