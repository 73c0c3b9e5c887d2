import { createScanner } from 'jsonc-parser';

/** Deepest nesting of a config that is looked at. Ours has 4 levels, and parsers recurse. */
export const MOST_CONFIG_DEPTH = 64;

/** What the scanner calls brackets and the end; its enum exists at compile time only. */
const [OPEN_BRACE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET, END] = [1, 2, 3, 4, 17];

/**
 * True when the brackets of a config, outside of texts and comments, are nested deeper than any config
 * of ours. Takes time in proportion to the text, whatever is in it.
 */
export function isNestedTooDeep(text: string): boolean {
  const scanner = createScanner(text);
  let depth = 0;
  for (let kind: number = scanner.scan(); kind !== END; kind = scanner.scan()) {
    if (kind === OPEN_BRACE || kind === OPEN_BRACKET) {
      if (++depth > MOST_CONFIG_DEPTH) return true;
    } else if (kind === CLOSE_BRACE || kind === CLOSE_BRACKET) depth--;
  }
  return false;
}
