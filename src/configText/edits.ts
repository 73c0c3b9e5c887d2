import type { Node } from 'jsonc-parser';
import { EngineError, misfit } from '../protocol/errors.ts';
import { namesIn } from './configSchema.ts';
import { fieldNode, propertyNode, readConfigTree } from './configTree.ts';
import type { TextEdit } from './textEdit.ts';

/** What can be written into a config. */
export type FieldValue = string | number | boolean | null | readonly FieldValue[];

/**
 * Edits that give a field a value and leave everything else, comments included, as it is. A field
 * that is not written yet goes behind the one that stands before it in the documentation.
 * @param text  a config; only its braces must be sound
 * @throws EngineError `config` when the text has no object, or the path leads through a value
 */
export function setField(
  text: string,
  path: readonly string[],
  value: FieldValue,
): readonly TextEdit[] {
  const root = rootOf(text);
  const written = fieldNode(root, path);
  if (written !== undefined) {
    return [{ offset: written.offset, length: written.length, content: show(value) }];
  }
  let section: Node = root;
  let depth = 0;
  for (; depth < path.length - 1; depth++) {
    const next = fieldNode(root, path.slice(0, depth + 1));
    if (next === undefined) break;
    if (next.type !== 'object') {
      const found = text.slice(next.offset, next.offset + next.length);
      const name = path.slice(0, depth + 1).join('.');
      throw uneditable(`"${name}" in the config`, 'a section { … }', found);
    }
    section = next;
  }
  const inner = path.slice(depth + 1).reduceRight((all, name) => {
    return `{ ${JSON.stringify(name)}: ${all} }`;
  }, show(value));
  const property = `${JSON.stringify(path[depth])}: ${inner}`;
  return insertProperty(text, section, property, neighbourOf(section, path.slice(0, depth + 1)));
}

/**
 * Edits that remove a field; its section goes too when nothing is left in it. Comments stay.
 * @returns  none when the field is not written
 * @throws EngineError `config` when the text has no object
 */
export function removeField(text: string, path: readonly string[]): readonly TextEdit[] {
  const root = rootOf(text);
  let property = propertyNode(root, path);
  if (property === undefined) return [];
  for (let depth = path.length - 1; depth > 0; depth--) {
    const section = fieldNode(root, path.slice(0, depth))!;
    if (section.children?.length !== 1 || hasComment(text, section)) break;
    property = section.parent!;
  }
  return removeProperty(text, property);
}

/** Edits that take one property out of its object, by its node. */
export function removeProperty(text: string, property: Node): readonly TextEdit[] {
  const siblings = property.parent?.children ?? [];
  const before = siblings[siblings.indexOf(property) - 1];
  const end = property.offset + property.length;
  const comma = commaAfter(text, end);
  if (comma !== null && text.slice(end, comma).trim() !== '') {
    // A comment between the value and its comma stays.
    return [
      { offset: property.offset, length: property.length, content: '' },
      { offset: comma, length: 1, content: '' },
    ];
  }
  const cut = wholeLine(text, property.offset, comma === null ? end : comma + 1);
  const removal = { offset: cut.start, length: cut.end - cut.start, content: '' };
  if (comma !== null || before === undefined) return [removal];
  const earlier = commaAfter(text, before.offset + before.length);
  if (earlier === null || earlier >= cut.start) return [removal];
  return [{ offset: earlier, length: 1, content: '' }, removal];
}

function rootOf(text: string): Node {
  const root = readConfigTree(text);
  if (root === undefined) throw uneditable('The config', 'an object { … }', 'another text');
  return root;
}

/** The property that the new one follows: the last written one that comes earlier in the schema. */
function neighbourOf(section: Node, path: readonly string[]): Node | undefined {
  const names = namesIn(path.slice(0, -1));
  const place = names.indexOf(path.at(-1)!);
  const written = section.children ?? [];
  if (place < 0) return written.at(-1);
  const earlier = written.filter((property) => {
    const at = names.indexOf(String(property.children?.[0]?.value));
    return at >= 0 && at < place;
  });
  return earlier.at(-1) ?? written.at(-1);
}

function insertProperty(
  text: string,
  section: Node,
  property: string,
  neighbour: Node | undefined,
): readonly TextEdit[] {
  const inside = text.slice(section.offset, section.offset + section.length);
  const style = styleOf(text);
  if (neighbour === undefined) return insertFirst(text, section, property, style);
  const end = neighbour.offset + neighbour.length;
  const comma = commaAfter(text, end);
  const isLast = neighbour === section.children?.at(-1);
  if (!inside.includes('\n')) {
    return comma !== null && !isLast
      ? [{ offset: comma + 1, length: 0, content: ` ${property},` }]
      : [{ offset: end, length: 0, content: `, ${property}` }];
  }
  // Behind everything that stands on the neighbour's line, so that its comment stays its own.
  const behind = endOfRemarks(text, comma === null ? end : comma + 1);
  const indent =
    indentAt(text, neighbour.offset) ?? indentOfLine(text, section.offset) + style.unit;
  const content = `${style.eol}${indent}${property}${comma === null ? '' : ','}`;
  if (comma !== null) return [{ offset: behind, length: 0, content }];
  if (behind === end) return [{ offset: end, length: 0, content: `,${content}` }];
  return [
    { offset: end, length: 0, content: ',' },
    { offset: behind, length: 0, content },
  ];
}

/** Into an object that has no property yet. */
function insertFirst(
  text: string,
  section: Node,
  property: string,
  { unit, eol }: Style,
): readonly TextEdit[] {
  const start = section.offset + 1;
  const inner = text.slice(start, section.offset + section.length - 1);
  const base = indentOfLine(text, section.offset);
  if (inner.trim() !== '') {
    // Comments alone: the property goes behind them, on a line of its own.
    const place = start + inner.trimEnd().length;
    const rest = inner.slice(inner.trimEnd().length);
    const tail = rest.includes('\n') ? '' : `${eol}${base}`;
    return [{ offset: place, length: 0, content: `${eol}${base}${unit}${property}${tail}` }];
  }
  const content =
    section.parent === undefined || inner.includes('\n')
      ? `${eol}${base}${unit}${property},${eol}${base}`
      : ` ${property} `;
  return [{ offset: start, length: inner.length, content }];
}

interface Style {
  /** One step of indentation. */
  readonly unit: string;
  readonly eol: string;
}

function styleOf(text: string): Style {
  return {
    unit: /\n([ \t]+)["/]/.exec(text)?.[1] ?? '  ',
    eol: text.includes('\r\n') ? '\r\n' : '\n',
  };
}

/** The offset of the comma that follows, with nothing but blanks and comments between; else null. */
function commaAfter(text: string, offset: number): number | null {
  const at = skipRemarks(text, offset, true);
  return text[at] === ',' ? at : null;
}

/** The end of the comments that follow on the same line. */
function endOfRemarks(text: string, offset: number): number {
  const end = skipRemarks(text, offset, false);
  const said = text.slice(offset, end).trimEnd();
  return offset + said.length;
}

/** Skips blanks and comments; over the end of the line only if asked to. */
function skipRemarks(text: string, offset: number, overLines: boolean): number {
  const pattern = overLines
    ? /(?:\s|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*/y
    : /(?:[^\S\n]|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*/y;
  pattern.lastIndex = offset;
  return offset + (pattern.exec(text)?.[0].length ?? 0);
}

/** Blanks in front of a place, or null when something else stands there on its line. */
function indentAt(text: string, offset: number): string | null {
  const before = text.slice(text.lastIndexOf('\n', offset - 1) + 1, offset);
  return before.trim() === '' ? before.replace('\uFEFF', '') : null;
}

function indentOfLine(text: string, offset: number): string {
  const line = text.slice(text.lastIndexOf('\n', offset - 1) + 1);
  return /^\uFEFF?([ \t]*)/.exec(line)![1]!;
}

/** Widens a cut to its whole line when nothing else stands on it, else to the blanks behind it. */
function wholeLine(text: string, start: number, end: number): { start: number; end: number } {
  const lineStart = text.lastIndexOf('\n', start - 1) + 1;
  const blanks = /[^\S\n]*/y;
  blanks.lastIndex = end;
  const after = end + blanks.exec(text)![0].length;
  const alone = text.slice(lineStart, start).trim() === '';
  if (alone && lineStart > 0 && text[after] === '\n') return { start: lineStart, end: after + 1 };
  if (alone && text[after] !== '\n') return { start, end: after };
  const before = text.slice(lineStart, start);
  return { start: start - (before.length - before.trimEnd().length), end };
}

function hasComment(text: string, section: Node): boolean {
  const [only] = section.children ?? [];
  if (only === undefined) return true;
  const key = section.parent!.children![0]!;
  const before = text.slice(key.offset + key.length, only.offset).replace(/[:{]/g, ' ');
  const after = text.slice(only.offset + only.length, section.offset + section.length - 1);
  return /[^\s,]/.test(before + after);
}

function show(value: FieldValue): string {
  return Array.isArray(value) ? `[${value.map(show).join(', ')}]` : JSON.stringify(value);
}

function uneditable(what: string, expected: string, found: string): EngineError {
  return new EngineError('config', {
    ...misfit(what, expected, found),
    action: 'Repair the file in its editor first.',
  });
}
