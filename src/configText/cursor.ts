import { createScanner } from 'jsonc-parser';
import { isTooLarge } from './configTree.ts';

/** Where a cursor stands in a config, and what its completion must replace and add. */
export type Cursor = {
  /** What a completion replaces: the word at the cursor, quotes included. */
  readonly word: { readonly offset: number; readonly length: number };
  /** Where a comma is missing before it; null when none is. */
  readonly commaAt: number | null;
  /** A comma is missing behind it. */
  readonly needsComma: boolean;
} & (
  | {
      readonly kind: 'key';
      readonly section: readonly string[];
      /** Other keys of the section. */
      readonly taken: readonly string[];
      readonly hasColon: boolean;
    }
  /** In a list the last name is `[]`. */
  | { readonly kind: 'value'; readonly path: readonly string[] }
);

/** What `createScanner` calls its tokens; its enum exists at compile time only. */
const OPEN_BRACE = 1;
const CLOSE_BRACE = 2;
const OPEN_BRACKET = 3;
const CLOSE_BRACKET = 4;
const COMMA = 5;
const COLON = 6;
const STRING = 10;
const COMMENT_KINDS = new Set([12, 13]);
const BLANK_KINDS = new Set([14, 15]);
const EOF = 17;

interface Token {
  readonly kind: number;
  readonly offset: number;
  readonly end: number;
  readonly value: string;
  readonly isOpen: boolean;
}

interface Frame {
  readonly isObject: boolean;
  readonly path: readonly string[];
  key: string;
  state: 'key' | 'colon' | 'value' | 'comma';
}

/**
 * Where an offset stands. Reads tokens only, so it works in a text that is being typed.
 * @returns  null in comments, outside the braces, where only a colon can come, and in a text that is
 *   larger or nested deeper than any config
 */
export function cursorAt(text: string, offset: number): Cursor | null {
  if (isTooLarge(text)) return null;
  const all = tokensOf(text);
  const touched = all.find((token) => token.offset < offset && isTouched(token, offset));
  if (touched !== undefined && COMMENT_KINDS.has(touched.kind)) return null;
  const tokens = all.filter(({ kind }) => !COMMENT_KINDS.has(kind));
  const isWord =
    touched !== undefined &&
    (touched.kind === STRING || touched.kind > STRING || isLiteral(touched));
  const word = isWord
    ? { offset: touched.offset, length: touched.end - touched.offset }
    : { offset, length: 0 };
  const before = tokens.filter(({ end }) => end <= word.offset);
  const after = tokens.filter((token) => token.offset >= word.offset + word.length);
  const frame = walk(before).at(-1);
  if (frame === undefined || frame.state === 'colon') return null;
  const next = after[0];
  const last = before.at(-1);
  const commaAt = frame.state === 'comma' && last !== undefined ? last.end : null;
  if (frame.state === 'value' || !frame.isObject) {
    const path = [...frame.path, frame.key];
    return { kind: 'value', path, word, commaAt, needsComma: next?.kind === STRING };
  }
  const hasColon = next?.kind === COLON;
  return {
    kind: 'key',
    section: frame.path,
    taken: keysOf(tokens, frame.path, word.offset),
    hasColon,
    word,
    commaAt,
    needsComma: !hasColon && next?.kind === STRING,
  };
}

function isTouched(token: Token, offset: number): boolean {
  if (token.kind === STRING || token.kind === 13) {
    return offset < token.end || (token.isOpen && offset === token.end);
  }
  return offset <= token.end;
}

/** Numbers, null, true, false and anything that is none of JSON's tokens. */
function isLiteral({ kind }: Token): boolean {
  return kind >= 7 && kind <= 11;
}

function tokensOf(text: string): readonly Token[] {
  const scanner = createScanner(text);
  const tokens: Token[] = [];
  for (let kind: number = scanner.scan(); kind !== EOF; kind = scanner.scan()) {
    if (BLANK_KINDS.has(kind)) continue;
    const offset = scanner.getTokenOffset();
    const end = offset + scanner.getTokenLength();
    const isOpen = (scanner.getTokenError() as number) !== 0;
    tokens.push({ kind, offset, end, value: scanner.getTokenValue(), isOpen });
  }
  return tokens;
}

/** The open braces and brackets after some tokens; what is not in its place is passed over. */
function walk(
  tokens: readonly Token[],
  onKey?: (path: readonly string[], token: Token) => void,
): Frame[] {
  const frames: Frame[] = [];
  for (const token of tokens) {
    const frame = frames.at(-1);
    const { kind } = token;
    if (kind === OPEN_BRACE || kind === OPEN_BRACKET) {
      const path = frame === undefined ? [] : [...frame.path, frame.key];
      const isObject = kind === OPEN_BRACE;
      frames.push({ isObject, path, key: isObject ? '' : '[]', state: isObject ? 'key' : 'value' });
    } else if (kind === CLOSE_BRACE || kind === CLOSE_BRACKET) {
      frames.pop();
      const outer = frames.at(-1);
      if (outer !== undefined) outer.state = 'comma';
    } else if (frame === undefined) {
      continue;
    } else if (kind === COMMA) {
      frame.state = frame.isObject ? 'key' : 'value';
    } else if (kind === COLON) {
      frame.state = 'value';
    } else if (frame.state === 'value') {
      frame.state = 'comma';
    } else if (kind === STRING && frame.isObject) {
      frame.key = token.value;
      frame.state = 'colon';
      onKey?.(frame.path, token);
    }
  }
  return frames;
}

function keysOf(tokens: readonly Token[], section: readonly string[], except: number): string[] {
  const keys: string[] = [];
  walk(tokens, (path, token) => {
    const isHere = path.length === section.length && path.every((name, i) => name === section[i]);
    if (isHere && token.offset !== except) keys.push(token.value);
  });
  return keys;
}
