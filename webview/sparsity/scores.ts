import type { SparseMap } from '../../src/protocol/sparsityRecord.ts';
import type { Histogram } from '../heatmap/histogram.ts';
import { percent } from '../draw/ticks.ts';

/** The scores of a weight as bars. */
export function scoreHistogram(scores: NonNullable<SparseMap['scores']>): Histogram {
  const bins = Math.max(1, scores.kept.length, scores.removed.length);
  const counts = (of: readonly number[]): Uint32Array =>
    Uint32Array.from({ length: bins }, (_, i) => of[i] ?? 0);
  const [kept, removed] = [counts(scores.kept), counts(scores.removed)];
  let most = 0;
  kept.forEach((value, i) => {
    most = Math.max(most, value + removed[i]!);
  });
  return {
    ...{ from: 10 ** scores.from, to: 10 ** scores.to, logarithmic: true, kept, removed, most },
    shared: sharedBins(kept, removed),
  };
}

/** Share of a bin that must have gone the other way, or a few outliers would mark everything. */
const LEAST_SHARED = 0.05;

/**
 * Bins in which some weights are kept and others removed: where the cut is. Weights that compete in
 * groups share many, weights that compete as a whole one.
 */
export function sharedBins(
  kept: Uint32Array,
  removed: Uint32Array,
): { readonly from: number; readonly to: number } | null {
  const isShared = (value: number, i: number): boolean =>
    Math.min(value, removed[i]!) >= LEAST_SHARED * (value + removed[i]!) && value > 0;
  const from = kept.findIndex(isShared);
  if (from >= 0) return { from, to: kept.findLastIndex(isShared) };
  // A sharp cut lies between two bins.
  const last = removed.findLastIndex((value) => value > 0);
  const first = kept.findIndex((value) => value > 0);
  return last < 0 || first < 0 ? null : { from: Math.min(last, first), to: Math.max(last, first) };
}

/** What the histogram shows, in a sentence. */
export function cutWords({ kept, removed, shared }: Histogram): string {
  if (shared === null || shared === undefined) return '';
  let inside = 0;
  let all = 0;
  kept.forEach((value, i) => {
    const both = value + removed[i]!;
    all += both;
    if (i >= shared.from && i <= shared.to) inside += both;
  });
  const share = all === 0 ? 0 : inside / all;
  return share < 0.1
    ? 'One threshold parts kept from removed weights.'
    : `In the marked range, which holds ${percent(share)} of the weights, some are kept and others removed: each competes only with those of its group.`;
}
