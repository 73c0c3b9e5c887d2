import type { Node } from 'jsonc-parser';
import { cursorAt, type Cursor } from './cursor.ts';
import { configSchema, isRead, namesIn, schemaAt } from './configSchema.ts';
import { isEmptyConfig, readConfigTree } from './configTree.ts';
import { explainField } from './explain.ts';
import { configRecipes } from './recipes.ts';
import { isTextField, suggestValues, type KnownThings } from './suggestValues.ts';
import { configTemplate, PLACEHOLDERS } from './template.ts';
import type { TextEdit } from './textEdit.ts';
import type { SchemaNode } from '../protocol/describeSchema.ts';

/** One thing that may be written at the cursor. */
export interface ConfigCompletion {
  readonly kind: 'field' | 'section' | 'value' | 'folder' | 'file' | 'snippet';
  readonly label: string;
  /** A few words beside the label. */
  readonly detail: string;
  /** Markdown. */
  readonly documentation: string;
  /** What is written, in the editor's snippet syntax. */
  readonly snippet: string;
  /** What is replaced. */
  readonly replaces: { readonly offset: number; readonly length: number };
  /** What the typed word is compared with. */
  readonly filter: string;
  /** Edits elsewhere: a missing comma. */
  readonly alsoEdits: readonly TextEdit[];
  /** The list is asked for again right after this was written. */
  readonly asksAgain: boolean;
}

/**
 * What may be written at an offset: fields that the section does not have yet, or values of the
 * field. Works while the text around is not sound.
 */
export function completeConfig(
  text: string,
  offset: number,
  known: KnownThings,
): readonly ConfigCompletion[] {
  const cursor = cursorAt(text, offset);
  if (cursor?.kind === 'value') return completeValue(text, cursor, known);
  if (cursor?.kind === 'key') {
    return [...completeKey(cursor, readConfigTree(text)), ...completeRecipes(cursor)];
  }
  return isEmptyConfig(text) ? [wholeConfig(text, offset, known)] : [];
}

function completeKey(
  cursor: Extract<Cursor, { kind: 'key' }>,
  tree: Node | undefined,
): ConfigCompletion[] {
  const free = namesIn(cursor.section).filter(
    (name) => !cursor.taken.includes(name) && isRead([...cursor.section, name], tree),
  );
  // "$schema" is first in a file but the last thing anybody looks for.
  const names = [
    ...free.filter((name) => name !== '$schema'),
    ...free.filter((name) => name === '$schema'),
  ];
  return names.map((name) => {
    const path = [...cursor.section, name];
    const schema = schemaAt(path)!;
    const key = JSON.stringify(name);
    const value = cursor.hasColon
      ? ''
      : `: ${valueSnippet(path, schema)}${cursor.needsComma ? ',' : ''}`;
    return {
      kind: schema.properties === undefined ? 'field' : 'section',
      label: name,
      detail: isRequiredAtRoot(path) ? 'required' : '',
      documentation: explainField(path),
      snippet: `${escapeSnippet(key)}${value}`,
      replaces: cursor.word,
      filter: key,
      alsoEdits: missingComma(cursor),
      asksAgain: !cursor.hasColon && asksAgain(path, schema),
    };
  });
}

function completeRecipes(cursor: Extract<Cursor, { kind: 'key' }>): ConfigCompletion[] {
  if (cursor.section.length > 0 || cursor.hasColon) return [];
  const fitting = configRecipes.filter(({ fields }) =>
    fields.every(({ name }) => !cursor.taken.includes(name)),
  );
  return fitting.map(({ label, detail, fields }) => {
    const written = fields.map(({ name, json }) => `"${name}": ${json}`).join(',\n');
    return {
      ...{ kind: 'snippet' as const, label, detail },
      documentation: `\`\`\`jsonc\n${written}\n\`\`\``,
      snippet: `${escapeSnippet(written)}${cursor.needsComma ? ',' : ''}`,
      replaces: cursor.word,
      // Typing the first field's name finds the recipe as well as its own does.
      filter: `"${fields[0]!.name} ${label}"`,
      alsoEdits: missingComma(cursor),
      asksAgain: false,
    };
  });
}

/** A whole config for a file in which nothing is written. */
function wholeConfig(text: string, offset: number, known: KnownThings): ConfigCompletion {
  const values = {
    model: known.models[0]?.path ?? PLACEHOLDERS.model,
    text: known.texts[0]?.path ?? PLACEHOLDERS.text,
    ratio: PLACEHOLDERS.ratio,
  };
  const written = configTemplate(values);
  return {
    ...{ kind: 'snippet' as const, label: 'run config', detail: 'the fields every run needs' },
    documentation: `\`\`\`jsonc\n${written}\`\`\``,
    snippet: escapeSnippet(written),
    replaces: { offset, length: 0 },
    ...{ filter: 'run config', alsoEdits: [], asksAgain: false },
  };
}

function completeValue(
  text: string,
  cursor: Extract<Cursor, { kind: 'value' }>,
  known: KnownThings,
): ConfigCompletion[] {
  const comma = cursor.needsComma ? ',' : '';
  return suggestValues(cursor.path, readConfigTree(text), known).map(
    ({ kind, json, label, detail, documentation }) => ({
      kind,
      label: label ?? json,
      detail,
      documentation,
      snippet: `${escapeSnippet(json)}${comma}`,
      replaces: cursor.word,
      filter: json,
      alsoEdits: missingComma(cursor),
      asksAgain: false,
    }),
  );
}

function isRequiredAtRoot(path: readonly string[]): boolean {
  return path.length === 1 && configSchema.required?.includes(path[0]!) === true;
}

/** The value to begin with: a place for the cursor, filled with the default where there is one. */
function valueSnippet(path: readonly string[], schema: SchemaNode): string {
  if (schema.properties !== undefined) return '{ $0 }';
  const [first] = suggestValues(path, undefined, NOTHING_KNOWN);
  if (schema.enum !== undefined || schema.type === 'boolean') return '$0';
  if (schema.type === 'string') return '"$0"';
  return `\${0:${escapeSnippet(first?.json ?? '')}}`;
}

function asksAgain(path: readonly string[], schema: SchemaNode): boolean {
  const field = path.join('.');
  const isListed = ['model', 'sparsify.pattern'].includes(field) || isTextField(field);
  return (
    schema.properties !== undefined ||
    schema.enum !== undefined ||
    schema.type === 'boolean' ||
    isListed
  );
}

const NOTHING_KNOWN: KnownThings = { models: [], texts: [], model: null };

function missingComma({ commaAt }: Cursor): readonly TextEdit[] {
  return commaAt === null ? [] : [{ offset: commaAt, length: 0, content: ',' }];
}

function escapeSnippet(text: string): string {
  return text.replace(/[\\$}]/g, '\\$&');
}
