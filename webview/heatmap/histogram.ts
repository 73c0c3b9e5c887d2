/** Counts of units by their score, those kept and those removed apart. */
export interface Histogram {
  /** Score at the left end of the first bin and the right end of the last. */
  readonly from: number;
  readonly to: number;
  /** Whether bins are even in the logarithm of the score. */
  readonly logarithmic: boolean;
  readonly kept: Uint32Array;
  readonly removed: Uint32Array;
  /** Greatest kept + removed of a bin. */
  readonly most: number;
  /** First and last bin of those in which the cut lies; to be marked. */
  readonly shared?: { readonly from: number; readonly to: number } | null;
}

/**
 * Spreads units over bins by score. Bins are even in the logarithm when every score is positive and
 * they span more than two powers of ten, as sums of squares do.
 * @param scores  [perLayer]
 * @param kept  [perLayer], 0 = removed
 * @param start  first unit that counts
 * @param end  one past the last
 */
export function histogram(
  scores: Float32Array,
  kept: Uint8Array,
  start: number,
  end: number,
  bins: number,
): Histogram {
  let [from, to] = [Infinity, -Infinity];
  for (let i = start; i < end; i++) {
    const score = scores[i]!;
    if (!Number.isFinite(score)) continue;
    from = Math.min(from, score);
    to = Math.max(to, score);
  }
  const counts = { kept: new Uint32Array(bins), removed: new Uint32Array(bins) };
  if (from > to) return { from: 0, to: 0, logarithmic: false, ...counts, most: 0 };
  const logarithmic = from > 0 && to / from > 100;
  const scale = (score: number): number => (logarithmic ? Math.log(score) : score);
  const [low, span] = [scale(from), scale(to) - scale(from)];
  let most = 0;
  for (let i = start; i < end; i++) {
    const score = scores[i]!;
    if (!Number.isFinite(score)) continue;
    const share = span > 0 ? (scale(score) - low) / span : 0;
    const bin = Math.min(bins - 1, Math.floor(share * bins));
    (kept[i] === 0 ? counts.removed : counts.kept)[bin]! += 1;
    most = Math.max(most, counts.kept[bin]! + counts.removed[bin]!);
  }
  return { from, to, logarithmic, ...counts, most };
}

/**
 * The places of a block in falling order of score within each band; places of equal score keep their
 * order.
 * @returns [perLayer]: at each place the unit that stands there
 */
export function sortedWithin(
  scores: ArrayLike<number>,
  bands: readonly { readonly start: number; readonly end: number }[],
): Uint32Array {
  const order = Uint32Array.from({ length: scores.length }, (_, i) => i);
  for (const { start, end } of bands) {
    order.subarray(start, end).sort((a, b) => scores[b]! - scores[a]! || a - b);
  }
  return order;
}
