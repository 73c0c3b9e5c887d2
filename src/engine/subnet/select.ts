import type { Attention } from '../model/block.ts';
import { unitDims } from '../model/rows.ts';
import type { HeadMask, LayerScores } from '../model/subnet.ts';

/** Whether a head's q/k and v/o units share one mask, as in the paper, or have one each. */
export type AttentionMasks = 'tied' | 'decoupled';

/** Units a ratio keeps of n: the nearest number, at least one unless the ratio is zero. */
export function keptCount(ratio: number, n: number): number {
  if (ratio <= 0) return 0;
  return Math.min(n, Math.max(1, Math.round(ratio * n)));
}

/**
 * Indices of the k largest scores, ascending; of equal scores the lower index wins.
 * @param scores  [n], finite
 * @param k  0 to n
 */
export function keepBest(scores: Float64Array, k: number): Uint32Array {
  return rankByScore(scores).slice(0, k).sort();
}

/** All indices from best to worst score; of equal scores the lower index comes first. */
export function rankByScore(scores: Float64Array): Uint32Array {
  const order = Uint32Array.from(scores, (_, index) => index);
  return order.sort((a, b) => scores[b]! - scores[a]! || a - b);
}

/**
 * Scores of one head's tied units: the q/k unit plus the value dimensions that share its indices.
 * @returns [q/k units]
 * @source METHODS section 1.1: row(Q) + row(K) + row(V) + col(O) under one mask
 */
export function tiedScores(attention: Attention, scores: LayerScores, head: number): Float64Array {
  const vo = scores.vo[head]!;
  return scores.qk[head]!.map((score, unit) => {
    let sum = score;
    for (const dim of unitDims(attention, Uint32Array.of(unit))) sum += vo[dim]!;
    return sum;
  });
}

/**
 * The head mask that keeps a set of tied units.
 *
 * Deviation: the paper's shared mask is over head dimensions. Under RoPE the unit here is a pair
 * together with the value dimensions of both its halves, because a pair must stay or go as one
 * (METHODS 2).
 * @param units  ascending
 */
export function headOfTied(attention: Attention, units: Uint32Array): HeadMask {
  return { qk: units, vo: unitDims(attention, units) };
}
