import { type Attention, blockOf } from '../model/block.ts';
import type { ModelShape } from '../model/modelShape.ts';
import { unitDims } from '../model/rows.ts';
import type { HeadMask, LayerMask, LayerScores, Subnet } from '../model/subnet.ts';
import { joinRuns, qkRunsOf } from '../model/unitRuns.ts';

/** Whether a head's q/k and v/o units share one mask, as in the paper, or have one each. */
export type AttentionMasks = 'tied' | 'decoupled';

/** Kept fractions of one block, 0 to 1. */
export interface LayerRatios {
  /** Per key/value head, [G]. */
  readonly attention: readonly number[];
  readonly mlp: number;
}

/**
 * The subnet that keeps the best units of every block at given ratios.
 * @param scores  per block, [L]
 * @param ratios  per block, [L]
 * @source METHODS section 1.1, initialisation
 */
export function selectSubnet(
  shape: ModelShape,
  scores: readonly LayerScores[],
  ratios: readonly LayerRatios[],
  masks: AttentionMasks,
): Subnet {
  return {
    layers: scores.map((layer, l) =>
      selectLayer(blockOf(shape, l).attention, layer, ratios[l]!, masks),
    ),
  };
}

/**
 * The mask that keeps the best units of one block at given ratios. Query/key units of two kinds keep
 * their ratio each: their scores are sums over one and over two dimensions.
 */
export function selectLayer(
  attention: Attention,
  scores: LayerScores,
  ratios: LayerRatios,
  masks: AttentionMasks,
): LayerMask {
  const heads = ratios.attention.map((ratio, h): HeadMask => {
    if (masks === 'tied') {
      return headOfTied(attention, bestUnits(attention, tiedScores(attention, scores, h), ratio));
    }
    return { qk: bestUnits(attention, scores.qk[h]!, ratio), vo: keepShare(scores.vo[h]!, ratio) };
  });
  return { heads, mlp: keepShare(scores.mlp, ratios.mlp) };
}

/** The best query/key units of a head, the same share of each kind. */
function bestUnits(attention: Attention, scores: Float64Array, ratio: number): Uint32Array {
  const runs = qkRunsOf(attention);
  return joinRuns(
    runs,
    runs.map(({ first, count }) => keepShare(scores.subarray(first, first + count), ratio)),
  );
}

function keepShare(scores: Float64Array, ratio: number): Uint32Array {
  return keepBest(scores, keptCount(ratio, scores.length));
}

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
