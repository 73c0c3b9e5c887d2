import { qkUnitsPerHead, type ModelShape } from '../model/modelShape.ts';
import type { HeadMask, LayerMask, LayerScores, Subnet } from '../model/subnet.ts';

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
    layers: scores.map((layer, l) => selectLayer(shape, layer, ratios[l]!, masks)),
  };
}

/** The mask that keeps the best units of one block at given ratios. */
export function selectLayer(
  shape: ModelShape,
  scores: LayerScores,
  ratios: LayerRatios,
  masks: AttentionMasks,
): LayerMask {
  const heads = ratios.attention.map((ratio, h): HeadMask => {
    if (masks === 'tied') {
      const tied = tiedScores(shape, scores, h);
      return headOfTied(shape, keepBest(tied, keptCount(ratio, tied.length)));
    }
    const qk = scores.qk[h]!;
    const vo = scores.vo[h]!;
    return {
      qk: keepBest(qk, keptCount(ratio, qk.length)),
      vo: keepBest(vo, keptCount(ratio, vo.length)),
    };
  });
  const mlp = keepBest(scores.mlp, keptCount(ratios.mlp, scores.mlp.length));
  return { heads, mlp };
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
 * Scores of one head's tied units: the q/k unit plus the value dimensions that share its index.
 * @returns [q/k units]
 * @source METHODS section 1.1: row(Q) + row(K) + row(V) + col(O) under one mask
 */
export function tiedScores(shape: ModelShape, scores: LayerScores, head: number): Float64Array {
  const vo = scores.vo[head]!;
  const units = qkUnitsPerHead(shape);
  const perUnit = valueDimsPerTiedUnit(shape);
  return scores.qk[head]!.map((score, i) => {
    let sum = score;
    for (let j = 0; j < perUnit; j++) sum += vo[i + j * units]!;
    return sum;
  });
}

/**
 * Value dimensions that go with tied unit i of a head: i itself, and i + D/2 under RoPE.
 * @returns how many value dimensions one tied unit holds; the j-th is i + j · (q/k units)
 */
export function valueDimsPerTiedUnit(shape: ModelShape): number {
  return shape.headDim / qkUnitsPerHead(shape);
}

/**
 * The head mask that keeps a set of tied units.
 *
 * Deviation: the paper's shared mask is over head dimensions. Under RoPE the unit here is pair i
 * together with value dimensions i and i + D/2, because a pair must stay or go as one (METHODS 2).
 * @param units  ascending
 */
export function headOfTied(shape: ModelShape, units: Uint32Array): HeadMask {
  const perHead = qkUnitsPerHead(shape);
  const perUnit = shape.headDim / perHead;
  const vo = new Uint32Array(perUnit * units.length);
  for (let j = 0; j < perUnit; j++) {
    units.forEach((unit, i) => (vo[j * units.length + i] = unit + j * perHead));
  }
  return { qk: units, vo };
}
