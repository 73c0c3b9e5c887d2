import { niceRange } from './niceScale.ts';

/** The dense model is on the axis unless it leaves less than this share of the axis to the subnets. */
const LEAST_SHARE = 0.4;

/**
 * Ends of the axis of a search. Outliers far above the rest are left to the edge, on both kinds of axis:
 * else a few initial subnets flatten the search. The dense model is on the axis where there is room.
 * @param ys  figures of the subnets; NaN for one that is no number
 * @param dense  figure of the dense model; null while it is not known
 */
export function fitnessRange(
  ys: readonly number[],
  dense: number | null,
  logarithmic: boolean,
): { readonly min: number; readonly max: number } {
  const known = ys.filter(Number.isFinite);
  const positive = [...known, ...(dense === null ? [] : [dense])].every((y) => y > 0);
  const isLog = logarithmic && positive;
  const to = (value: number): number => (isLog ? Math.log10(value) : value);
  const sorted = Float64Array.from(known, to).sort();
  if (sorted.length === 0) return isLog ? { min: 1, max: 10 } : { min: 0, max: 1 };
  const [low, greatest] = [sorted[0]!, sorted.at(-1)!];
  const most = sorted[Math.floor((sorted.length - 1) * 0.95)]!;
  const usual = most - low;
  const high = usual > 0 && greatest - most > 2 * usual ? most + 0.5 * usual : greatest;
  const level = dense === null ? low : to(dense);
  const from = level < low && high - low >= LEAST_SHARE * (high - level) ? level : low;
  const until = level > high && high - low >= LEAST_SHARE * (level - low) ? level : high;
  if (!isLog) return niceRange(from, until, 8);
  const room = Math.max(0.04 * (until - from), 1e-3);
  return { min: 10 ** (from - room), max: 10 ** (until + room) };
}
