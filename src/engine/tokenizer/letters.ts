/**
 * Letters beside which texts may be cut, as the inside of a class: those of today's large scripts,
 * which have been letters in every version of Unicode that a library may have been built with, and
 * which stay letters and marks when they are normalised or made lower case.
 */
export const LETTERS = [
  'A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u0131', // Latin
  '\u0391-\u03a1\u03a3-\u03c9\u0400-\u044f\u0450-\u045f', // Greek, Cyrillic
  '\u05d0-\u05ea\u0621-\u063a\u0641-\u064a', // Hebrew, Arabic
  '\u0915-\u0939\u0e01-\u0e2e', // Devanagari, Thai
  '\u3041-\u3094\u30a1-\u30fa\u4e00-\u9fd5\uac00-\ud7a3', // Kana, Han, Hangul
].join('');

/** Marks that follow letters in decomposed text, and the letters that Hangul decomposes into. */
const PARTS = '\u0300-\u036f\u093c\u3099\u309a\u1100-\u1112\u1161-\u1175\u11a8-\u11c2';

/** Every character of {@link LETTERS}. */
export const EVERY_LETTER = membersOf(LETTERS);

/** The same and what their decompositions are made of. */
export const EVERY_LETTER_PART = EVERY_LETTER + membersOf(PARTS);

function membersOf(ranges: string): string {
  const parts: string[] = [];
  for (const [, low = '', high = low] of ranges.matchAll(/(.)(?:-(.))?/g)) {
    for (let code = low.charCodeAt(0); code <= high.charCodeAt(0); code++) {
      parts.push(String.fromCharCode(code));
    }
  }
  return parts.join('');
}
