import { EngineError } from '../../protocol/errors.ts';

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

/**
 * The pattern that a text names: `2:4` (two of four stay) or `50%` (half becomes zero).
 * @throws EngineError `config` when it names none, or one that prunes nothing or everything
 */
export function parsePattern(text: string): Pattern {
  const nm = /^(\d{1,4}):(\d{1,4})$/.exec(text);
  if (nm !== null) return checked({ kind: 'nm', n: Number(nm[1]), m: Number(nm[2]) }, text);
  const share = /^(\d{1,3}(?:\.\d{1,6})?)%$/.exec(text);
  if (share !== null) {
    return checked({ kind: 'unstructured', fraction: Number(share[1]) / 100 }, text);
  }
  throw illegal(text, 'N:M such as "2:4", or a share of zeros such as "50%"', JSON.stringify(text));
}

/** The text of a pattern, which {@link parsePattern} reads. */
export function formatPattern(pattern: Pattern): string {
  if (pattern.kind === 'nm') return `${pattern.n}:${pattern.m}`;
  return `${Number((pattern.fraction * 100).toFixed(6))}%`;
}

/** Share of the weights that a pattern keeps, 0 to 1. */
export function keptShare(pattern: Pattern): number {
  return pattern.kind === 'nm' ? pattern.n / pattern.m : 1 - pattern.fraction;
}

/**
 * Checks that a pattern prunes something, keeps something and fits the dimension it compares along.
 *
 * A remainder is refused, not padded: every group of an exported weight is whole.
 * @param length  of the compared dimension
 * @param what  the weight, e.g. `block 3, down_proj`
 * @throws EngineError `config`
 */
export function assertFits(pattern: Pattern, length: number, what: string): void {
  checked(pattern, what);
  if (pattern.kind === 'nm' && length % pattern.m !== 0) {
    throw illegal(
      `${what}: pattern ${formatPattern(pattern)}`,
      `a group length that divides ${length}`,
      `${pattern.m}, which leaves ${length % pattern.m} over`,
    );
  }
}

function checked(pattern: Pattern, what: string): Pattern {
  if (pattern.kind === 'unstructured') {
    const { fraction } = pattern;
    if (fraction > 0 && fraction < 1) return pattern;
    throw illegal(
      what,
      'a share of zeros between 0% and 100%, both excluded',
      `${fraction * 100}%`,
    );
  }
  const { n, m } = pattern;
  const whole = Number.isInteger(n) && Number.isInteger(m);
  if (whole && n >= 1 && n < m && m <= LONGEST_GROUP) return pattern;
  throw illegal(what, `N:M with 1 ≤ N < M ≤ ${LONGEST_GROUP}`, `${n}:${m}`);
}

function illegal(what: string, expected: string, found: string): EngineError {
  return new EngineError('config', {
    what: `Sparsity pattern ${what}`,
    expected,
    found,
    action: 'Choose another pattern, e.g. "2:4", "4:8" or "50%".',
  });
}
