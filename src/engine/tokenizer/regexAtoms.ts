/** One character of a pattern: what it matches, as a JavaScript regular expression with flag `v`. */
export interface RegexAtom {
  readonly source: string;
  /** Where the pattern goes on. */
  readonly end: number;
}

/** Classes of characters, as Oniguruma defines them on Unicode text, in brackets. */
const CLASSES: Readonly<Record<string, string>> = {
  d: '[\\p{Nd}]',
  D: '[^\\p{Nd}]',
  h: '[0-9a-fA-F]',
  H: '[^0-9a-fA-F]',
  s: '[\\t\\n\\v\\f\\r\\u0085\\p{Z}]',
  S: '[^\\t\\n\\v\\f\\r\\u0085\\p{Z}]',
  w: '[\\p{L}\\p{M}\\p{N}\\p{Pc}]',
  W: '[^\\p{L}\\p{M}\\p{N}\\p{Pc}]',
};

const CONTROLS: Readonly<Record<string, string>> = {
  ...{ n: '\n', r: '\r', t: '\t', f: '\f', v: '\v', a: '\x07', e: '\x1b' },
};

/** Deepest class in a class that is followed. */
const MOST_DEPTH = 10;

/**
 * Reads a character or an escape outside of brackets.
 * @param pattern  a regular expression of Oniguruma
 * @param at       where it begins
 * @returns undefined for what is no single character or not known
 */
export function readEscape(pattern: string, at: number): RegexAtom | undefined {
  const rest = pattern.slice(at, at + 64);
  const property = /^\\([pP])\{(\^?)([\w =-]{1,50})\}/.exec(rest);
  if (property !== null) {
    const [whole, letter, caret, name = ''] = property;
    const negated = (letter === 'P') !== (caret === '^');
    return { source: propertySource(name.trim(), negated), end: at + whole.length };
  }
  const named = /^\\([dDhHsSwW])/.exec(rest);
  if (named !== null) return { source: CLASSES[named[1]!]!, end: at + 2 };
  const literal = readLiteral(pattern, at);
  return literal && { source: escaped(literal.code), end: literal.end };
}

/**
 * Reads a class in brackets, with classes and intersections in it.
 * @param pattern  a regular expression of Oniguruma
 * @param at       where its bracket is
 * @returns undefined when it holds something that is not known
 */
export function readCharacterClass(pattern: string, at: number, depth = 0): RegexAtom | undefined {
  if (depth > MOST_DEPTH || pattern.startsWith('[:', at)) return undefined;
  const negated = pattern.startsWith('^', at + 1);
  let place = at + (negated ? 2 : 1);
  // Onig takes a bracket here for itself, JavaScript for the end.
  if (pattern.startsWith(']', place)) return undefined;
  const operands: string[] = [];
  let items = '';
  while (place < pattern.length && !pattern.startsWith(']', place)) {
    if (pattern.startsWith('&&', place)) {
      operands.push(items);
      items = '';
      place += 2;
      continue;
    }
    const item = readItem(pattern, place, depth);
    if (item === undefined) return undefined;
    items += item.source;
    place = item.end;
  }
  if (place >= pattern.length) return undefined;
  operands.push(items);
  if (operands.includes('')) return undefined;
  const inner = operands.length === 1 ? items : operands.map((one) => `[${one}]`).join('&&');
  return { source: `[${negated ? '^' : ''}${inner}]`, end: place + 1 };
}

/** A class, an escape, a character or a range of characters inside of brackets. */
function readItem(pattern: string, at: number, depth: number): RegexAtom | undefined {
  if (pattern.startsWith('[', at)) return readCharacterClass(pattern, at, depth + 1);
  const low = readLiteral(pattern, at);
  if (low === undefined) return readEscape(pattern, at);
  if (
    !pattern.startsWith('-', low.end) ||
    /^-(\]|&&|\[|$)/.test(pattern.slice(low.end, low.end + 3))
  ) {
    return { source: escaped(low.code), end: low.end };
  }
  const high = readLiteral(pattern, low.end + 1);
  if (high === undefined || high.code < low.code) return undefined;
  return { source: `${escaped(low.code)}-${escaped(high.code)}`, end: high.end };
}

/** A character that stands for itself, or an escape for one. */
function readLiteral(
  pattern: string,
  at: number,
): { readonly code: number; readonly end: number } | undefined {
  const code = pattern.codePointAt(at);
  if (code === undefined) return undefined;
  if (code !== 0x5c) return { code, end: at + (code > 0xffff ? 2 : 1) };
  const rest = pattern.slice(at, at + 16);
  const hex = /^\\(?:x([0-9a-fA-F]{2})|x\{([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4}))/.exec(rest);
  if (hex !== null) {
    const value = Number.parseInt(hex[1] ?? hex[2] ?? hex[3]!, 16);
    return value > 0x10ffff ? undefined : { code: value, end: at + hex[0].length };
  }
  const next = pattern.codePointAt(at + 1);
  if (next === undefined) return undefined;
  const sign = String.fromCodePoint(next);
  const control = CONTROLS[sign];
  if (control !== undefined) return { code: control.charCodeAt(0), end: at + 2 };
  if (/^[\w\s]$/.test(sign) || next > 0x7f) return undefined;
  return { code: next, end: at + 2 };
}

function escaped(code: number): string {
  return `\\u{${code.toString(16)}}`;
}

/** Scripts have no prefix in Oniguruma. A name that is neither makes the whole pattern fail later. */
function propertySource(name: string, negated: boolean): string {
  const letter = negated ? 'P' : 'p';
  const plain = `\\${letter}{${name}}`;
  try {
    new RegExp(plain, 'v');
    return plain;
  } catch {
    return `\\${letter}{Script=${name}}`;
  }
}
