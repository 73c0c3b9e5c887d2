import type { Rng } from '../numeric/rng.ts';
import type { Pool } from './terrain.ts';

/**
 * How far a draw strays from the scores. A number n adds n Gumbel draws to a score's logarithm: 0
 * follows the scores strictly, 1 draws in proportion to them, more strays further; `uniform` does
 * not look at them at all.
 */
export type ScoreNoise = number | 'uniform';

/** Noise and where it comes from. */
export interface ScoreDraw {
  readonly rng: Rng;
  readonly noise: ScoreNoise;
}

/**
 * The kept set of a pool at another size: growing adds the best removed units, shrinking gives up
 * the worst kept ones.
 *
 * Deviation: Algorithm 1 draws a fresh random set whenever the ratio changes, which below a ratio
 * of about .89 never passes its own overlap test (METHODS 1.4); here the old set is a part of the
 * new one, or the new one of the old.
 * @param kept  ascending
 * @param count  0 to the pool's units
 * @param draw  noise on the scores; absent = none
 * @returns ascending; the same array when the size is already right
 */
export function resize(
  pool: Pool,
  kept: Uint32Array,
  count: number,
  draw?: ScoreDraw,
): Uint32Array {
  if (count === kept.length) return kept;
  if (count < kept.length) return bestFirst(pool, kept, draw).slice(0, count).sort();
  const added = bestFirst(pool, removedUnits(pool, kept), draw).subarray(0, count - kept.length);
  return join(kept, added);
}

/**
 * A kept set of the same size in which some units are swapped for removed ones.
 *
 * Deviation: Algorithm 1 redraws random sets until one overlaps the old set by alpha times the
 * number of all units, which cannot happen below a ratio of alpha. Here exactly
 * round(keepShare · k) of the k kept units stay (more only when too few are removed to swap in).
 * @param kept  ascending
 * @param keepShare  alpha, 0 to 1
 * @returns ascending
 * @source METHODS sections 1.1 (Algorithm 1) and 1.4
 */
export function swapUnits(
  pool: Pool,
  kept: Uint32Array,
  keepShare: number,
  draw: ScoreDraw,
): Uint32Array {
  const removed = removedUnits(pool, kept);
  const swaps = Math.min(removed.length, kept.length - Math.round(keepShare * kept.length));
  if (swaps === 0) return kept;
  const stay = bestFirst(pool, kept, draw).subarray(0, kept.length - swaps);
  const enter = bestFirst(pool, removed, draw).subarray(0, swaps);
  return join(stay, enter);
}

/** Units in order from most to least worth keeping; of equal worth the lower index comes first. */
function bestFirst(pool: Pool, units: Uint32Array, draw?: ScoreDraw): Uint32Array {
  if (draw === undefined || draw.noise === 0) {
    return units.slice().sort((a, b) => pool.rank[a]! - pool.rank[b]!);
  }
  const { rng, noise } = draw;
  const worth = Float64Array.from(units, (unit) =>
    noise === 'uniform'
      ? rng.uniform()
      : Math.log(Math.max(pool.scores[unit]!, Number.MIN_VALUE)) + noise * rng.gumbel(),
  );
  const order = Uint32Array.from(units, (_, i) => i);
  order.sort((a, b) => worth[b]! - worth[a]! || a - b);
  return order.map((i) => units[i]!);
}

function removedUnits(pool: Pool, kept: Uint32Array): Uint32Array {
  const isKept = new Uint8Array(pool.units);
  for (const unit of kept) isKept[unit] = 1;
  const removed = new Uint32Array(pool.units - kept.length);
  let count = 0;
  for (let unit = 0; unit < pool.units; unit++) if (!isKept[unit]) removed[count++] = unit;
  return removed;
}

function join(a: Uint32Array, b: Uint32Array): Uint32Array {
  const both = new Uint32Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both.sort();
}
