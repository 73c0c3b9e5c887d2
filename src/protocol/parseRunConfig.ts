import { parseTree, printParseErrorCode, type Node, type ParseError } from 'jsonc-parser';
import { ProblemList, checkConfigTree } from './checkConfigTree.ts';
import { isNestedTooDeep, MOST_CONFIG_DEPTH } from './configDepth.ts';
import type { ConfigProblem } from './configProblem.ts';
import { EngineError, type Problem } from './errors.ts';
import type { RunConfig } from './runConfig.ts';

/** Longest config text read, UTF-16 units: a thousand times the longest sensible one. */
const LONGEST_TEXT = 1 << 20;
/** Problems listed in the message; more would bury the first. */
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
 * @throws ConfigError with all problems, each with line and column
 */
export function parseRunConfig(text: string, path: string): RunConfig {
  const check = checkRunConfig(text);
  if (check.ok) return check.config;
  throw new ConfigError(path, check.problems);
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

/** The text as a tree whose root is an object; else at least one problem is added. */
function readTree(text: string, problems: ProblemList): Node | undefined {
  const start = { offset: 0, length: 1 };
  if (text.length > LONGEST_TEXT) {
    problems.add('', start, 'a config of at most 1 MiB', `${text.length} characters`);
    return undefined;
  }
  if (isNestedTooDeep(text)) {
    const message = `brackets are nested more than ${MOST_CONFIG_DEPTH} levels deep`;
    const expected = `a config of at most ${MOST_CONFIG_DEPTH} levels`;
    problems.add('', start, expected, 'brackets nested too deep', message);
    return undefined;
  }
  const errors: ParseError[] = [];
  // A byte order mark counts as a blank, which keeps the offsets right.
  const tree = parseTree(text.replace(/^\uFEFF/, ' '), errors, { allowTrailingComma: true });
  for (const place of errors) {
    const code = printParseErrorCode(place.error);
    const message = syntaxMessages[code] ?? 'this is not JSON';
    problems.add('', place, 'JSON with comments', message, message);
  }
  if (tree?.type !== 'object' && problems.isEmpty) {
    const expected = 'an object { "model": …, "ratio": …, "text": … }';
    if (tree === undefined) problems.add('', start, expected, 'nothing', 'the config is empty');
    else problems.add('', tree, expected, `a JSON ${tree.type}`);
  }
  return tree;
}

/** A config that cannot be used, with everything that is wrong with it. */
export class ConfigError extends EngineError {
  /** Where the config came from. */
  readonly path: string;
  /** At least one, in the order of the text. */
  readonly problems: readonly ConfigProblem[];

  constructor(path: string, problems: readonly ConfigProblem[]) {
    super('config', problemOf(path, problems));
    this.path = path;
    this.problems = problems;
  }
}

function problemOf(path: string, problems: readonly ConfigProblem[]): Problem {
  const action = 'Correct the config and try again.';
  const [first] = problems;
  if (first !== undefined && problems.length === 1) {
    const { line, column, field, expected, found, message } = first;
    const place = `${path}:${line}:${column}`;
    const what = `${place}${field === '' ? '' : ` "${field}"`}`;
    return { what, expected, found, action, sentence: `${place}: ${sentenceOfClause(message)}` };
  }
  const lines = problems
    .slice(0, MOST_PROBLEMS)
    .map(({ line, column, message }) => `\n  ${line}:${column} ${message}`);
  const more = problems.length - lines.length;
  const list = `${lines.join('')}${more > 0 ? `\n  and ${more} more` : ''}`;
  return {
    what: path,
    expected: 'a valid config',
    found: `${problems.length} problems${list}`,
    action,
    sentence: `${problems.length} problems in ${path}:${list}\n`,
  };
}

/** With a full stop, unless it is a question. */
function sentenceOfClause(message: string): string {
  return message.endsWith('?') ? message : `${message}.`;
}

/** What the parser complains of, for people. */
const syntaxMessages: Readonly<Record<string, string>> = {
  InvalidSymbol: 'this is no value of JSON; texts need double quotes',
  InvalidNumberFormat: 'this is not a number of JSON',
  PropertyNameExpected: 'a field name in double quotes is missing',
  ValueExpected: 'a value is missing',
  ColonExpected: 'a colon is missing',
  CommaExpected: 'a comma is missing',
  CloseBraceExpected: 'a closing brace is missing',
  CloseBracketExpected: 'a closing bracket is missing',
  EndOfFileExpected: 'there is text after the end of the config',
  InvalidCommentToken: 'a comment cannot stand here',
  UnexpectedEndOfComment: 'the comment is not closed',
  UnexpectedEndOfString: 'a closing quote is missing',
  UnexpectedEndOfNumber: 'the number is incomplete',
  InvalidUnicode: 'the \\u escape needs four hexadecimal digits',
  InvalidEscapeCharacter: 'the escape sequence is unknown',
  InvalidCharacter: 'a control character must be written as an escape',
};
