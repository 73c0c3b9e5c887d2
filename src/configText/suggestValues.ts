import type { Node } from 'jsonc-parser';
import type { SchemaNode } from '../protocol/describeSchema.ts';
import { numbersNameOf, presetValues, schemaAt, wordsOf, wordsOfChoice } from './configSchema.ts';
import { fieldValue } from './configTree.ts';
import { explainField } from './explain.ts';
import { countWords } from './figures.ts';
import type { ModelFacts } from './modelFacts.ts';
import { GROUP_SIZES, PATTERNS, patternWords } from './weightForms.ts';

/** What the workspace offers. */
export interface KnownThings {
  /** Model folders, as they would be written in the config. */
  readonly models: readonly { readonly path: string; readonly detail: string }[];
  /** Text files, as they would be written in the config. */
  readonly texts: readonly { readonly path: string; readonly detail: string }[];
  /** The model that the config names, if it can be read. */
  readonly model: ModelFacts | null;
}

/** A value a field may take. */
export interface SuggestedValue {
  readonly kind: 'value' | 'folder' | 'file';
  /** The value as it is written. */
  readonly json: string;
  readonly label?: string;
  readonly detail: string;
  readonly documentation: string;
}

/** Kept shares worth a look: the rows of the paper's tables. */
const RATIOS = [0.9, 0.8, 0.7, 0.6, 0.5];

/** True for a field that names a text. @param field  its path, joined by dots */
export function isTextField(field: string): boolean {
  return field === 'text' || field === 'heldout' || field === 'compare.shifted';
}

/**
 * Values for a field, the likeliest first.
 * @param tree  the config so far, if it can be read
 */
export function suggestValues(
  path: readonly string[],
  tree: Node | undefined,
  known: KnownThings,
): readonly SuggestedValue[] {
  const field = path.join('.');
  const schema = schemaAt(path);
  if (schema === undefined || schema.properties !== undefined) return [];
  if (field === 'model') return known.models.map((model) => place('folder', model));
  if (isTextField(field)) {
    return known.texts.map((text) => place('file', text));
  }
  if (path.at(-1) === '[]') return itemValues(path.slice(0, -1), schema, tree);
  if (field === 'sparsify.pattern') return PATTERNS.map((text) => patternValue(text, path));
  if (field === 'export.groupSize') {
    return GROUP_SIZES.map((size) =>
      plain(String(size), size === schema.default ? 'default' : '', explainField(path)),
    );
  }
  if (field === 'ratio') return RATIOS.map((ratio) => ratioValue(ratio, known.model));
  if (field === 'search.ranges.depth') return depthValues(known.model);
  if (field.startsWith('search.ranges.')) return paperRange(path, schema);
  if (field === 'reform.damping') {
    return ['"auto"', '0.1', '[0.01, 0.1, 1]'].map((json) => plain(json, '', explainField(path)));
  }
  if (schema.enum !== undefined) {
    return schema.enum.map((value) =>
      plain(JSON.stringify(value), wordsOfChoice(schema, value), explainField(path, value)),
    );
  }
  if (schema.type === 'boolean') {
    const first = schema.default !== false;
    return [first, !first].map((value) => plain(JSON.stringify(value), '', explainField(path)));
  }
  return numberValues(path, tree, schema);
}

function place(
  kind: 'folder' | 'file',
  { path, detail }: { readonly path: string; readonly detail: string },
): SuggestedValue {
  return { kind, json: JSON.stringify(path), label: path, detail, documentation: '' };
}

function plain(json: string, detail: string, documentation: string): SuggestedValue {
  return { kind: 'value', json, detail, documentation };
}

function ratioValue(ratio: number, model: ModelFacts | null): SuggestedValue {
  const detail =
    model === null
      ? `keep ${Math.round(ratio * 100)}% of the blocks`
      : `keeps ${countWords(ratio * model.summary.blockParams)} of ${countWords(model.summary.blockParams)} block parameters`;
  return plain(JSON.stringify(ratio), detail, explainField(['ratio']));
}

/** What a list does not hold yet. */
function itemValues(
  list: readonly string[],
  schema: SchemaNode,
  tree: Node | undefined,
): readonly SuggestedValue[] {
  const written = fieldValue(tree, list);
  const free = (value: unknown): boolean => !Array.isArray(written) || !written.includes(value);
  const field = list.join('.');
  if (field === 'compare.patterns') {
    return PATTERNS.filter(free).map((text) => patternValue(text, list));
  }
  const values = field === 'compare.ratios' ? RATIOS : (schema.enum ?? []);
  return values.filter(free).map((value) => plain(JSON.stringify(value), '', explainField(list)));
}

function patternValue(text: string, path: readonly string[]): SuggestedValue {
  return plain(JSON.stringify(text), patternWords(text), explainField(path));
}

/** How many blocks may go, in terms of the model's own number of blocks. */
function depthValues(model: ModelFacts | null): readonly SuggestedValue[] {
  const path = ['search', 'ranges', 'depth'];
  const all = plain('[1, 1]', 'never removes a block', explainField(path));
  if (model === null) {
    return [all, plain('[0.875, 1]', 'removes at most one block in eight', explainField(path))];
  }
  const { layers } = model.summary;
  const removed = [1, 2, 4, 8, 16].filter((count) => count <= layers / 3);
  return [
    all,
    ...removed.map((count) => {
      // Rounded down, because the engine rounds the number of blocks up.
      const least = Math.floor(((layers - count) / layers) * 1000) / 1000;
      return plain(
        `[${least}, 1]`,
        `keeps ${layers - count} to ${layers} of ${layers} blocks`,
        explainField(path),
      );
    }),
  ];
}

/** The example that the description gives. */
function paperRange(path: readonly string[], schema: SchemaNode): readonly SuggestedValue[] {
  const example = /\[[\d., ]+\]/.exec(wordsOf(schema).paper ?? '')?.[0];
  return example === undefined ? [] : [plain(example, 'lowest, highest, step', explainField(path))];
}

/** The default, or what each preset says; the present preset first. */
function numberValues(
  path: readonly string[],
  tree: Node | undefined,
  schema: SchemaNode,
): readonly SuggestedValue[] {
  const documentation = explainField(path);
  if (schema.default !== undefined) {
    return [plain(JSON.stringify(schema.default), 'default', documentation)];
  }
  const chosen = numbersNameOf(tree);
  const given = [...presetValues(path)].filter(
    ([name]) => (name === 'levels') === (chosen === 'levels'),
  );
  given.sort(([a], [b]) => Number(b === chosen) - Number(a === chosen));
  const values = new Map<string, string>();
  for (const [name, value] of given) {
    const json = JSON.stringify(value);
    values.set(json, [...(values.has(json) ? [values.get(json)!] : []), name].join(', '));
  }
  return [...values].map(([json, detail]) => plain(json, detail, documentation));
}
