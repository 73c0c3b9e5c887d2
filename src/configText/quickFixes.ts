import { findNodeAtOffset, getNodeValue, type Node } from 'jsonc-parser';
import { acceptsValue } from '../protocol/acceptsValue.ts';
import type { SchemaNode } from '../protocol/describeSchema.ts';
import type { RunConfig } from '../protocol/runConfig.ts';
import { methodOf } from '../protocol/methods.ts';
import { expandSearch } from '../protocol/searchPresets.ts';
import { didYouMean } from '../protocol/didYouMean.ts';
import { readPattern } from '../protocol/sparsityPattern.ts';
import { suggestFields } from '../protocol/suggestFields.ts';
import { configSchema, isRead, isRequired, schemaAt } from './configSchema.ts';
import { fieldNode, fieldValue, isEmptyConfig } from './configTree.ts';
import { removeField, removeProperty, setField, type FieldValue } from './edits.ts';
import type { IssuePlace } from './issuePlace.ts';
import { configTemplate, PLACEHOLDERS } from './template.ts';
import { applyEdits, type TextEdit } from './textEdit.ts';

/** A repair that one click does. */
export interface ConfigFix {
  readonly title: string;
  readonly edits: readonly TextEdit[];
  /** The one to take when in doubt. */
  readonly preferred: boolean;
}

/** Repairs for one problem, the likeliest first. */
export function fixesOf(
  text: string,
  tree: Node | undefined,
  place: IssuePlace,
): readonly ConfigFix[] {
  if (tree === undefined) {
    const edits = [{ offset: 0, length: text.length, content: configTemplate(PLACEHOLDERS) }];
    return isEmptyConfig(text) ? [{ title: 'Write a template', edits, preferred: true }] : [];
  }
  const [first, ...rest] = ((): readonly Draft[] => {
    switch (place.kind) {
      case 'unknown':
        return fixUnknown(text, tree, place);
      case 'repeated':
        return fixRepeated(text, tree, place);
      case 'missing':
        return fixMissing(text, tree, place.path[0]!);
      case 'value':
        return fixValue(text, tree, place.path);
      case 'sense':
        return fixSense(text, tree, place);
      case 'syntax':
      case 'root':
        return [];
    }
  })();
  if (first === undefined) return [];
  return [{ ...first, preferred: true }, ...rest.map((fix) => ({ ...fix, preferred: false }))];
}

interface Draft {
  readonly title: string;
  readonly edits: readonly TextEdit[];
}

function fixUnknown(
  text: string,
  tree: Node,
  { path, offset, length }: IssuePlace,
): readonly Draft[] {
  const key = findNodeAtOffset(tree, offset);
  const property = key?.parent;
  if (property === undefined) return [];
  const section = path.slice(0, -1).join('.');
  const suggested = suggestFields(path)
    .filter((field) => fieldNode(tree, field) === undefined)
    .flatMap((field): Draft[] => {
      const name = field.at(-1)!;
      if (field.slice(0, -1).join('.') === section) {
        return [
          {
            title: `Change to "${name}"`,
            edits: [{ offset, length, content: JSON.stringify(name) }],
          },
        ];
      }
      const edits = moveTo(text, property, field);
      return edits === null ? [] : [{ title: `Move to "${field.join('.')}"`, edits }];
    });
  return [
    ...suggested,
    { title: `Remove "${path.at(-1)}"`, edits: removeProperty(text, property) },
  ];
}

/** Edits that write a property's value at another path; null when they would touch each other. */
function moveTo(text: string, property: Node, path: readonly string[]): readonly TextEdit[] | null {
  const value = property.children?.[1];
  if (value === undefined) return null;
  const taken = removeProperty(text, property);
  const without = applyEdits(text, taken);
  try {
    const moved = applyEdits(without, setField(without, path, getNodeValue(value) as FieldValue));
    // One edit over all that changed: what is inserted may stand next to what is removed.
    return [smallestEdit(text, moved)];
  } catch {
    return null;
  }
}

function smallestEdit(before: string, after: string): TextEdit {
  const most = Math.min(before.length, after.length);
  let start = 0;
  while (start < most && before[start] === after[start]) start++;
  let end = 0;
  while (end < most - start && before.at(-1 - end) === after.at(-1 - end)) end++;
  return {
    offset: start,
    length: before.length - end - start,
    content: after.slice(start, after.length - end),
  };
}

function fixRepeated(text: string, tree: Node, { path, offset }: IssuePlace): readonly Draft[] {
  const property = findNodeAtOffset(tree, offset)?.parent;
  if (property === undefined) return [];
  return [
    { title: `Remove the second "${path.join('.')}"`, edits: removeProperty(text, property) },
  ];
}

function fixMissing(text: string, tree: Node, name: string): readonly Draft[] {
  const insert = (names: readonly string[]): readonly TextEdit[] => {
    let after = text;
    for (const each of names) {
      after = applyEdits(
        after,
        setField(after, [each], PLACEHOLDERS[each as keyof typeof PLACEHOLDERS]),
      );
    }
    return [smallestEdit(text, after)];
  };
  const missing = (configSchema.required ?? []).filter(
    (each) => fieldNode(tree, [each]) === undefined,
  );
  const one = { title: `Add "${name}"`, edits: insert([name]) };
  if (missing.length < 2) return [one];
  return [one, { title: 'Add all missing fields', edits: insert(missing) }];
}

function fixValue(text: string, tree: Node, path: readonly string[]): readonly Draft[] {
  const schema = schemaAt(path);
  const node = fieldNode(tree, path);
  if (schema === undefined || node === undefined) return [];
  const values = candidates(schema, getNodeValue(node) as unknown);
  const drafts = values.map((value) => ({
    title: `Change to ${JSON.stringify(value)}`,
    edits: setField(text, path, value),
  }));
  if (isRequired(path)) return drafts;
  const what = schema.properties === undefined ? 'use the default' : 'use its defaults';
  return [
    ...drafts,
    { title: `Remove "${path.join('.')}" and ${what}`, edits: removeField(text, path) },
  ];
}

/** Values near the one found that the schema accepts. */
function candidates(schema: SchemaNode, found: unknown): readonly FieldValue[] {
  const values: FieldValue[] = [];
  if (schema.enum !== undefined) {
    const names = schema.enum.filter((value) => typeof value === 'string');
    const near = typeof found === 'string' ? didYouMean(found, names) : undefined;
    return near === undefined ? names : [near, ...names.filter((name) => name !== near)];
  }
  if (schema.type === 'boolean') {
    return /^(false|no|0)$/.test(textOf(found)) ? [false] : [true, false];
  }
  if (schema.type === 'number' || schema.type === 'integer') {
    const number = typeof found === 'number' ? found : Number.parseFloat(textOf(found));
    if (!Number.isFinite(number)) return typeof schema.default === 'number' ? [schema.default] : [];
    const { minimum = -Infinity, maximum = Infinity } = schema;
    const whole = schema.type === 'integer' ? Math.round(number) : number;
    // 70 for a share is most likely meant as 70%.
    if (maximum === 1 && number > 1) values.push(number / 100);
    values.push(Math.min(Math.max(whole, minimum), maximum));
  }
  return [...new Set(values)].filter((value) => acceptsValue(schema, value));
}

/** The text of a scalar. Objects of the parser have no prototype, so they cannot be turned into text. */
function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  return typeof value === 'object' ? '' : JSON.stringify(value);
}

function replace({ offset, length }: IssuePlace, content: string): Draft {
  return { title: `Change to ${content}`, edits: [{ offset, length, content }] };
}

/** Patterns that somebody may have meant, the likeliest first. */
function patternsNear(written: string): readonly string[] {
  const [a = 0, b] = (written.match(/\d+/g) ?? []).map(Number);
  const meant = b === undefined ? `${a}%` : `${Math.min(a, b)}:${Math.max(a, b)}`;
  return [...new Set([meant, '2:4', '50%'])].filter((one) => readPattern(one).kind !== 'flaw');
}

/** All values are right by themselves here, but do not fit each other. */
function fixSense(text: string, tree: Node, place: IssuePlace): readonly Draft[] {
  const { path } = place;
  const field = path.join('.');
  if (field === 'sparsify.pattern' || field === 'compare.patterns') {
    const written = text.slice(place.offset, place.offset + place.length);
    return patternsNear(written).map((pattern) => replace(place, JSON.stringify(pattern)));
  }
  if (field === 'export.groupSize') {
    const power = Math.log2(Number(fieldValue(tree, path)));
    return [Math.floor(power), Math.ceil(power)].map((one) => replace(place, String(2 ** one)));
  }
  const owner = methodOf(field);
  if (owner !== undefined && !isRead(path, tree)) {
    return [
      { title: `Remove "${field}"`, edits: removeField(text, path) },
      { title: `Change "method" to "${owner}"`, edits: setField(text, ['method'], owner) },
    ];
  }
  const value = fieldValue(tree, path);
  if (field.startsWith('search.ranges.') && Array.isArray(value)) {
    const [low, high, ...rest] = value as FieldValue[];
    const swapped = [high!, low!, ...rest];
    return [{ title: `Change to [${swapped.join(', ')}]`, edits: setField(text, path, swapped) }];
  }
  if (field === 'ratio') {
    const title = 'Remove "search.ranges" and use the paper\'s';
    return [{ title, edits: removeField(text, ['search', 'ranges']) }];
  }
  const { population, mutations, crossovers } = expandSearch(
    (getNodeValue(tree) as RunConfig).search,
  );
  const change = (name: string, to: number): Draft => ({
    title: `Change "search.${name}" to ${to}`,
    edits: setField(text, ['search', name], to),
  });
  if (field === 'search.top') return [change('top', population)];
  const fitting = population - crossovers;
  return [
    change('population', mutations + crossovers),
    ...(fitting >= 0 ? [change('mutations', fitting)] : []),
  ];
}
