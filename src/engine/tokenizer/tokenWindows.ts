import { EngineError } from '../../protocol/errors.ts';
import { rngFor } from '../numeric/rng.ts';

/** Where windows of tokens are taken from. */
export type WindowPlacement =
  /** One after the other from the start, the rest at the end dropped. */
  | { readonly mode: 'contiguous' }
  /** At distinct seeded offsets, in ascending order; windows may overlap. */
  | { readonly mode: 'random'; readonly seed: number };

/** Tokens of windows, and where they are taken from. */
export type WindowSource = WindowPlacement & {
  /** Token in front of every window, a part of its length; none when absent. */
  readonly start?: number | undefined;
};

/**
 * Cuts a stream of tokens into windows of equal length.
 *
 * @param tokens     token ids; windows without a start token are views of it
 * @param length     tokens per window, at least 1, and 2 with a start token
 * @param count      number of windows, or `all`: as many as fit without overlap
 * @param placement  where they lie
 * @returns [count] windows, [length] each, by ascending offset
 * @throws EngineError `text` when the tokens do not suffice
 * @throws RangeError  when `length` or `count` is no whole number of at least 1
 */
export function windowsOf(
  tokens: Uint32Array,
  length: number,
  count: number | 'all',
  { start, ...placement }: WindowSource,
): Uint32Array[] {
  if (start !== undefined) {
    return windowsOf(tokens, length - 1, count, placement).map((window) => {
      const started = new Uint32Array(length).fill(start, 0, 1);
      started.set(window, 1);
      return started;
    });
  }
  checkNatural('length', length);
  const fitting = Math.floor(tokens.length / length);
  if (fitting === 0) throw tooShort(length, tokens.length, 'one window');
  const wanted = count === 'all' ? fitting : count;
  checkNatural('count', wanted);
  const window = (offset: number): Uint32Array => tokens.subarray(offset, offset + length);
  if (placement.mode === 'contiguous') {
    if (wanted > fitting) throw tooShort(wanted * length, tokens.length, `${wanted} windows`);
    return Array.from({ length: wanted }, (_, i) => window(i * length));
  }
  const places = tokens.length - length + 1;
  if (wanted > places) throw tooShort(wanted + length - 1, tokens.length, `${wanted} windows`);
  const offsets = rngFor(placement.seed, 'windows').sample(places, wanted).sort();
  return Array.from(offsets, window);
}

/**
 * Cuts a stream of tokens into parts that share no token, e.g. for calibration and for search.
 *
 * @param tokens     token ids; the parts are views of it
 * @param fractions  size of each part as a share of the stream, in order; together at most 1
 * @returns one part per fraction, one after the other from the start
 * @throws RangeError  when a fraction is negative or they are more than 1 together
 */
export function splitTokens(tokens: Uint32Array, fractions: readonly number[]): Uint32Array[] {
  const parts: Uint32Array[] = [];
  let share = 0;
  let start = 0;
  for (const fraction of fractions) {
    share += fraction;
    // The slack lets fractions like 0.1 + 0.2 + 0.7 be exactly everything.
    if (!(fraction >= 0) || share > 1 + 1e-9) {
      throw new RangeError(
        `Fractions must be 0 or more, together at most 1: ${fractions.join(' ')}`,
      );
    }
    const end = Math.min(tokens.length, Math.floor(share * tokens.length + 1e-6));
    parts.push(tokens.subarray(start, end));
    start = end;
  }
  return parts;
}

function checkNatural(name: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new RangeError(`${name} must be a whole number of at least 1, not ${value}`);
  }
}

function tooShort(expected: number, found: number, what: string): EngineError {
  return new EngineError('text', {
    what: 'The text',
    expected: `at least ${expected} tokens for ${what}`,
    found: `${found} ${found === 1 ? 'token' : 'tokens'}`,
    action: 'Give a longer text, or ask for shorter or fewer windows.',
    sentence: `The text is too short: it has ${found} ${found === 1 ? 'token' : 'tokens'}, and at least ${expected} are needed for ${what}.`,
  });
}
