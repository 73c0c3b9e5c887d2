import { parseTree, printParseErrorCode, type Node, type ParseError } from 'jsonc-parser';
import { ProblemList, checkConfigTree } from './checkConfigTree.ts';
import type { ConfigProblem } from './configProblem.ts';
import { EngineError } from './errors.ts';
import type { RunConfig } from './runConfig.ts';

/** Longest config text read, UTF-16 units: a thousand times the longest sensible one. */
const LONGEST_TEXT = 1 << 20;
/** Problems told at once; more would bury the first. */
const MOST_PROBLEMS = 12;

/** A config, or why there is none. */
export type ConfigCheck =
  | { readonly ok: true; readonly config: RunConfig }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

/**
 * Reads a run config.
 * @param text  JSON with comments and trailing commas
 * @param path  where it came from, for messages
 * @returns the config as written; `resolveConfig` adds the defaults
 * @throws EngineError `config` that tells all problems, each with line and column
 */
export function parseRunConfig(text: string, path: string): RunConfig {
  const check = checkRunConfig(text);
  if (check.ok) return check.config;
  throw configError(path, check.problems);
}

/** Reads a run config without throwing, for editors; problems come in the order of the text. */
export function checkRunConfig(text: string): ConfigCheck {
  const problems = new ProblemList(text);
  const tree = readTree(text, problems);
  const config =
    tree !== undefined && problems.isEmpty ? checkConfigTree(tree, problems) : undefined;
  if (config !== undefined && problems.isEmpty) return { ok: true, config };
  return { ok: false, problems: problems.sorted() };
}

/** The text as a tree whose root is an object; else at least one problem is told. */
function readTree(text: string, problems: ProblemList): Node | undefined {
  const start = { offset: 0, length: 1 };
  if (text.length > LONGEST_TEXT) {
    problems.add('', start, 'a config of at most 1 MiB', `${text.length} characters`);
    return undefined;
  }
  const errors: ParseError[] = [];
  let tree: Node | undefined;
  try {
    // A byte order mark counts as a blank, which keeps the offsets right.
    tree = parseTree(text.replace(/^\uFEFF/, ' '), errors, { allowTrailingComma: true });
  } catch (error) {
    // The parser recurses once per bracket; only a hostile text nests deep enough.
    if (!(error instanceof RangeError)) throw error;
    problems.add('', start, 'a config of a few levels', 'brackets nested too deep to read');
    return undefined;
  }
  for (const place of errors) {
    const found = words(printParseErrorCode(place.error));
    problems.add('', place, 'JSON, with comments if you like', found);
  }
  if (tree?.type !== 'object' && problems.isEmpty) {
    const found = tree === undefined ? 'nothing' : `${tree.type} instead`;
    problems.add('', tree ?? start, 'an object { "model": …, "ratio": …, "text": … }', found);
  }
  return tree;
}

/** The one error that tells all problems of a config. */
function configError(path: string, problems: readonly ConfigProblem[]): EngineError {
  const action = 'Correct the config; docs/CONFIG.md explains every field.';
  const [first] = problems;
  if (first !== undefined && problems.length === 1) {
    const { line, column, field, expected, found } = first;
    const what = `${path}:${line}:${column}${field === '' ? '' : ` "${field}"`}`;
    return new EngineError('config', { what, expected, found, action });
  }
  const lines = problems.slice(0, MOST_PROBLEMS).map(({ line, column, field, expected, found }) => {
    const name = field === '' ? '' : `"${field}": `;
    return `\n  ${line}:${column} ${name}expected ${expected}, found ${found}`;
  });
  const more = problems.length - lines.length;
  return new EngineError('config', {
    what: path,
    expected: 'a valid config',
    found: `${problems.length} problems${lines.join('')}${more > 0 ? `\n  and ${more} more` : ''}`,
    action,
  });
}

/** `PropertyNameExpected` → `property name expected`. */
function words(code: string): string {
  return code.replaceAll(/(?<=[a-z])(?=[A-Z])/g, ' ').toLowerCase();
}
