import type { RatioToDense } from '../../protocol/timing.ts';

/** Median and quartiles of samples, of the unit of these. */
export interface Spread {
  readonly median: number;
  readonly lower: number;
  readonly upper: number;
}

/** Of the intervals of {@link medianInterval}, so many may miss the true median. */
const MISSES = 0.01;

/**
 * Median and quartiles of samples, by linear interpolation.
 * @param samples  at least one
 */
export function spreadOf(samples: readonly number[]): Spread {
  const sorted = ascending(samples);
  const at = (share: number): number => {
    const place = share * (sorted.length - 1);
    const low = sorted[Math.floor(place)]!;
    return low + (place - Math.floor(place)) * (sorted[Math.ceil(place)]! - low);
  };
  return { median: at(0.5), lower: at(0.25), upper: at(0.75) };
}

/**
 * An interval that holds the median of the distribution behind independent samples with 99%
 * confidence, whatever the distribution: from the k-th smallest sample to the k-th largest, with the
 * largest k for which 2 · P(Binomial(n, ½) < k) ≤ 1%.
 * @returns null for fewer than 8 samples, which cannot say so much
 * @source H. A. David and H. N. Nagaraja, Order Statistics, section 7.1
 */
export function medianInterval(samples: readonly number[]): { low: number; high: number } | null {
  const n = samples.length;
  let [k, below, term] = [0, 0, 2 ** -n];
  for (;;) {
    below += term;
    if (2 * below > MISSES) break;
    k++;
    term *= (n - k + 1) / k;
  }
  if (k === 0) return null;
  const sorted = ascending(samples);
  return { low: sorted[k - 1]!, high: sorted[n - k]! };
}

/**
 * How many times as long as another thing one took, from rounds in which they took turns: a machine
 * that slows down slows both of a round.
 * @param own  milliseconds per round
 * @param other  of the same rounds
 * @returns null for fewer than 8 rounds
 */
export function pairedRatio(own: readonly number[], other: readonly number[]): RatioToDense | null {
  const ratios = own.map((ms, round) => ms / other[round]!);
  const interval = medianInterval(ratios);
  return interval === null ? null : { median: spreadOf(ratios).median, ...interval };
}

function ascending(samples: readonly number[]): number[] {
  return [...samples].sort((a, b) => a - b);
}
