import { findNodeAtOffset, getNodeValue, type Node } from 'jsonc-parser';
import { acceptsValue } from '../protocol/acceptsValue.ts';
import type { ConfigProblem } from '../protocol/configProblem.ts';
import { checkRunConfig } from '../protocol/parseRunConfig.ts';
import { configSchema, schemaAt } from './configSchema.ts';
import { fieldNode, isEmptyConfig, isJson, isTooLarge, readConfigTree } from './configTree.ts';
import type { ConfigIssueKind, IssuePlace } from './issuePlace.ts';
import { fixesOf, type ConfigFix } from './quickFixes.ts';

/** One thing wrong with a config, with its place and what would repair it. */
export interface ConfigIssue extends IssuePlace {
  readonly message: string;
  readonly fixes: readonly ConfigFix[];
}

/** Everything wrong with a config text, in the order of the text. */
export function configIssues(text: string): readonly ConfigIssue[] {
  const check = checkRunConfig(text);
  if (check.ok) return [];
  const tree = readConfigTree(text);
  const starts = lineStarts(text);
  // Whether values fit each other is looked at only when each is right by itself.
  const isSound = tree !== undefined && acceptsValue(configSchema, getNodeValue(tree));
  const isEmpty = isEmptyConfig(text);
  const isBroken = !isEmpty && !isTooLarge(text) && !isJson(text);
  return check.problems.map((problem) => {
    const offset = (starts[problem.line - 1] ?? 0) + problem.column - 1;
    const path = pathAt(tree, offset, problem.field);
    const kind = kindOf(problem, tree, offset, path, { isSound, isBroken });
    const place = { kind, offset, length: problem.length, path };
    return {
      ...place,
      message: messageOf(problem, kind, path, isEmpty),
      fixes: fixesOf(text, tree, place),
    };
  });
}

function kindOf(
  { field }: ConfigProblem,
  tree: Node | undefined,
  offset: number,
  path: readonly string[],
  { isSound, isBroken }: { readonly isSound: boolean; readonly isBroken: boolean },
): ConfigIssueKind {
  if (field === '' || tree === undefined) return isBroken ? 'syntax' : 'root';
  const node = findNodeAtOffset(tree, offset);
  const isKey = node?.parent?.type === 'property' && node.parent.children?.[0] === node;
  if (isKey) return schemaAt(path) === undefined ? 'unknown' : 'repeated';
  if (isSound) return 'sense';
  return fieldNode(tree, path) === undefined ? 'missing' : 'value';
}

function messageOf(
  { found, message }: ConfigProblem,
  kind: ConfigIssueKind,
  path: readonly string[],
  isEmpty: boolean,
): string {
  const name = path.join('.');
  if (isEmpty) return 'A run config needs "model", "ratio" and "text"; this file is empty.';
  if (kind === 'unknown') return `Unknown field "${name}"${found.replace(/^[^;]*/, '') || '.'}`;
  if (kind === 'missing') return `The field "${name}" is missing.`;
  if (kind === 'repeated') return `The field "${name}" is written a second time.`;
  if (kind === 'syntax') return `Syntax error: ${message}.`;
  return `${message[0]?.toUpperCase()}${message.slice(1)}.`;
}

/** A key may hold a dot itself, so an unknown one is found by its place. */
function pathAt(tree: Node | undefined, offset: number, field: string): readonly string[] {
  const names = field.split('.');
  if (field === '' || tree === undefined) return [];
  if (schemaAt(names) !== undefined) return names;
  const path: string[] = [];
  for (let at = findNodeAtOffset(tree, offset); at !== undefined; at = at.parent) {
    if (at.type === 'property') path.unshift(String(at.children?.[0]?.value));
  }
  return path;
}

function lineStarts(text: string): readonly number[] {
  const starts = [0];
  for (let i = text.indexOf('\n'); i >= 0; i = text.indexOf('\n', i + 1)) starts.push(i + 1);
  return starts;
}
