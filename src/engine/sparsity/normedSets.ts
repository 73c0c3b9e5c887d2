import type { Moments } from '../graphs/moments.ts';
import { pickTokens, type TokenRows } from '../passes/statistics.ts';

/** Sets of tokens: per set and batch, their rows. */
type TokenSets = readonly (readonly TokenRows[])[];

/** A Gram matrix of nothing for each set, [width, width]. */
export function emptySets(sets: TokenSets, width: number): Float64Array[] {
  return sets.map(() => new Float64Array(width ** 2));
}

/**
 * Adds the tokens of one batch to the Gram matrices of the sets they are in.
 * @param grams  changed in place
 * @param x  inputs of all tokens of the batch, [tokens, width]
 */
export async function addToSets(
  moments: Moments,
  grams: readonly Float64Array[],
  x: Float32Array,
  sets: TokenSets,
  batch: number,
): Promise<void> {
  for (const [i, gram] of grams.entries()) {
    const width = Math.sqrt(gram.length);
    const own = pickTokens(x, width, sets[i]![batch]!);
    if (own.length > 0) await moments.addCross(gram, own, own, own.length / width);
  }
}
