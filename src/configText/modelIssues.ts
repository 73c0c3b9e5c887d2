import type { Node } from 'jsonc-parser';
import { fillDefaults } from '../protocol/configDefaults.ts';
import { checkRunConfig } from '../protocol/parseRunConfig.ts';
import { readPattern } from '../protocol/sparsityPattern.ts';
import { fieldNode, readConfigTree } from './configTree.ts';
import { setField } from './edits.ts';
import type { ModelFacts } from './modelFacts.ts';
import type { ConfigFix } from './quickFixes.ts';
import { isSparse, PATTERNS } from './weightForms.ts';

/** Something about a config that is right by itself but does not go with its model. */
export interface ModelIssue {
  readonly code: 'pattern' | 'gate';
  /** False: it is left out, and everything else is done. */
  readonly isError: boolean;
  readonly offset: number;
  readonly length: number;
  readonly message: string;
  readonly fixes: readonly ConfigFix[];
}

/** What of a config does not go with the model it names, in the order of the text. */
export function modelIssues(text: string, model: ModelFacts): readonly ModelIssue[] {
  const check = checkRunConfig(text);
  const tree = readConfigTree(text);
  if (!check.ok || tree === undefined) return [];
  const config = fillDefaults(check.config);
  const { sparsify, compare, ratio } = config;
  const issues: ModelIssue[] = [];
  const tell = (node: Node | undefined, issue: Omit<ModelIssue, 'offset' | 'length'>): void => {
    const { offset, length } = node ?? tree;
    issues.push({ ...issue, offset, length: node === undefined ? 1 : length });
  };
  if (isSparse(config)) {
    const plan = { ...sparsify, narrowed: ratio < 1 };
    const rest = remainderOf(plan, model);
    const written = (name: string): Node | undefined =>
      fieldNode(tree, ['sparsify', name]) ?? fieldNode(tree, ['sparsify']);
    if (rest !== null) {
      const fitting = PATTERNS.filter(
        (pattern) => remainderOf({ ...plan, pattern }, model) === null,
      );
      const fixes = fixesFor(text, 'pattern', fitting.slice(0, 3));
      tell(written('pattern'), { code: 'pattern', isError: true, message: `${rest}.`, fixes });
    }
    if (sparsify.method === 'dass' && !model.gated) {
      const fixes = fixesFor(text, 'method', ['ours', 'wanda', 'sparsegpt']);
      const message = `DaSS follows the gate of an MLP, and those of ${model.summary.family} have none.`;
      tell(written('method'), { code: 'gate', isError: true, message, fixes });
    }
  }
  const listed = (field: string): readonly Node[] =>
    fieldNode(tree, ['compare', field])?.children ?? [];
  for (const node of listed('patterns')) {
    const pattern = String(node.value);
    const rests = compare.scopes.map((scope) =>
      remainderOf({ method: 'wanda', pattern, scope, narrowed: false }, model),
    );
    const rest = rests.find((one) => one !== null) ?? null;
    if (rest === null) continue;
    const message = `${rest}: rows that it does not fit are left out.`;
    tell(node, { code: 'pattern', isError: false, message, fixes: [] });
  }
  for (const node of listed('sparsity')) {
    if (node.value !== 'dass' || model.gated) continue;
    const message =
      'DaSS needs an MLP with a gate, which this model has not: its rows are left out.';
    tell(node, { code: 'gate', isError: false, message, fixes: [] });
  }
  return issues.sort((a, b) => a.offset - b.offset);
}

/** Why a pattern leaves a remainder in some map, as the engine refuses it; null when it does not. */
function remainderOf(
  plan: {
    readonly method: string;
    readonly pattern: string;
    readonly scope: 'mlp' | 'all';
    /** Remainders of widths that a search chose are padded. */
    readonly narrowed: boolean;
  },
  { summary, gated }: ModelFacts,
): string | null {
  const pattern = readPattern(plan.pattern);
  if (pattern.kind !== 'nm') return null;
  const { hidden, intermediate, heads, headDim } = summary;
  const followsGate = gated && (plan.method === 'dass' || plan.method === 'ours');
  const all = plan.scope === 'all';
  const lengths = [
    ...(all || !followsGate ? [hidden] : []),
    ...(plan.narrowed ? [] : [intermediate, ...(all ? [heads * headDim] : [])]),
  ];
  const odd = lengths.find((length) => length % pattern.m !== 0);
  return odd === undefined ? null : `Groups of ${pattern.m} do not divide a width of ${odd}`;
}

function fixesFor(text: string, field: string, values: readonly string[]): readonly ConfigFix[] {
  return values.map((value, i) => ({
    title: `Change "sparsify.${field}" to ${JSON.stringify(value)}`,
    edits: setField(text, ['sparsify', field], value),
    preferred: i === 0,
  }));
}
