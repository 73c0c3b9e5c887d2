import type { Block } from '../model/block.ts';
import { headParts, keptHeadsOf, pairsOf } from '../model/rows.ts';
import type { LayerMask } from '../model/subnet.ts';

/** A key/value head that a block keeps, with its query heads. */
export interface SlicedHead {
  /** Its index in the dense block. */
  readonly index: number;
  /** Kept rotary pairs; none without RoPE. */
  readonly pairs: Uint32Array;
  /** Kept query/key dimensions that are not rotated. */
  readonly singles: number;
  /** Kept value dimensions. */
  readonly vo: Uint32Array;
  /** Rows of k (and of q per query head): two per pair, one per other dimension. */
  readonly qkDims: number;
  /** Rows of v (and of o per query head). */
  readonly voDims: number;
}

/** The key/value heads a mask keeps, by index. */
export function keptHeads({ attention }: Block, mask: LayerMask): SlicedHead[] {
  return keptHeadsOf(mask).map((index) => {
    const kept = mask.heads[index]!;
    const parts = headParts(attention, 'k', kept);
    const qkDims = parts.reduce((sum, part) => sum + part.length, 0);
    const pairs = pairsOf(attention, kept);
    const singles = qkDims - 2 * pairs.length;
    return { index, pairs, singles, vo: kept.vo, qkDims, voDims: kept.vo.length };
  });
}
