/**
 * Which weights of a group may stay.
 *
 * `nm`: at most n of m neighbours that are compared with each other, written `2:4`. `unstructured`:
 * the given share of a group is zero, written `50%`; the group is a row, a column or a whole matrix.
 */
export type Pattern =
  | { readonly kind: 'nm'; readonly n: number; readonly m: number }
  | { readonly kind: 'unstructured'; readonly fraction: number };

/** Longest group of an N:M pattern; beyond it a pattern is as good as unstructured. */
export const LONGEST_GROUP = 256;

/** Why something is no pattern, in words that fit into "… must be …, not …". */
export interface PatternFlaw {
  readonly kind: 'flaw';
  readonly expected: string;
  readonly found: string;
}

/** The pattern that a text names: `2:4` (two of four stay), `50%` (half becomes zero); or why none. */
export function readPattern(text: string): Pattern | PatternFlaw {
  const nm = /^(\d{1,4}):(\d{1,4})$/.exec(text);
  const share = /^(\d{1,3}(?:\.\d{1,6})?)%$/.exec(text);
  const pattern: Pattern | undefined =
    nm !== null
      ? { kind: 'nm', n: Number(nm[1]), m: Number(nm[2]) }
      : share !== null
        ? { kind: 'unstructured', fraction: Number(share[1]) / 100 }
        : undefined;
  if (pattern !== undefined) return patternFlaw(pattern) ?? pattern;
  const expected = 'N:M such as "2:4", or a share of zeros such as "50%"';
  return { kind: 'flaw', expected, found: JSON.stringify(text) };
}

/** Why a pattern prunes nothing, keeps nothing or is too long; undefined for a sound one. */
export function patternFlaw(pattern: Pattern): PatternFlaw | undefined {
  if (pattern.kind === 'unstructured') {
    const { fraction } = pattern;
    if (fraction > 0 && fraction < 1) return undefined;
    const expected = 'a share of zeros between 0% and 100%, both excluded';
    return { kind: 'flaw', expected, found: `${fraction * 100}%` };
  }
  const { n, m } = pattern;
  const whole = Number.isInteger(n) && Number.isInteger(m);
  if (whole && n >= 1 && n < m && m <= LONGEST_GROUP) return undefined;
  return { kind: 'flaw', expected: `N:M with 1 ≤ N < M ≤ ${LONGEST_GROUP}`, found: `${n}:${m}` };
}

/** Share of the weights that a pattern keeps, 0 to 1. */
export function keptShare(pattern: Pattern): number {
  return pattern.kind === 'nm' ? pattern.n / pattern.m : 1 - pattern.fraction;
}
