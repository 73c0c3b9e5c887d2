import type { Point } from '../data/fitnessSeries.ts';

/**
 * Where a key leads among the points of a plot: left and right along a series, up and down to the
 * nearest point of the next one.
 * @param at  index of a point; below 0 when none has been reached yet
 * @param series  indices of points, each series from left to right
 * @returns undefined for a key that leads nowhere
 */
export function afterKey(
  key: string,
  at: number,
  series: readonly (readonly number[])[],
  placeOf: (index: number) => Point | null,
): number | undefined {
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -1, ArrowDown: 1, Home: 0, End: 0 }[key];
  const seen = series
    .map((indices) => indices.filter((index) => placeOf(index) !== null))
    .filter((indices) => indices.length > 0);
  if (step === undefined || seen.length === 0) return undefined;
  const line = seen.findIndex((indices) => indices.includes(at));
  if (line < 0) return seen[0]![0];
  const own = seen[line]!;
  if (key === 'Home') return own[0];
  if (key === 'End') return own.at(-1);
  if (key === 'ArrowLeft' || key === 'ArrowRight') {
    return own[Math.max(0, Math.min(own.length - 1, own.indexOf(at) + step))];
  }
  const next = seen[(line + step + seen.length) % seen.length]!;
  const from = placeOf(at)!;
  const away = (index: number): number => {
    const { x, y } = placeOf(index)!;
    return Math.hypot(x - from.x, y - from.y);
  };
  return next.reduce((nearest, index) => (away(index) < away(nearest) ? index : nearest));
}
