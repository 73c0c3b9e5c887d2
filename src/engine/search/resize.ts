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
  if (count < kept.length) return best(pool, kept, count, draw);
  return join(kept, best(pool, removedUnits(pool, kept), count - kept.length, draw));
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
  const stay = best(pool, kept, kept.length - swaps, draw);
  return join(stay, best(pool, removed, swaps, draw));
}

/** The k units most worth keeping, ascending; of equal worth the lower index wins. */
function best(pool: Pool, units: Uint32Array, k: number, draw?: ScoreDraw): Uint32Array {
  if (k === 0) return new Uint32Array(0);
  const worth = worthOf(pool, units, draw);
  // Sorting plain numbers and cutting at the k-th is several times faster than sorting indices.
  const threshold = worth.slice().sort()[units.length - k]!;
  let ties = k;
  for (const value of worth) if (value > threshold) ties--;
  return units.filter((_, i) => worth[i]! > threshold || (worth[i] === threshold && ties-- > 0));
}

/** One number per unit, more for a unit more worth keeping. */
function worthOf(pool: Pool, units: Uint32Array, draw?: ScoreDraw): Float64Array {
  const worth = new Float64Array(units.length);
  for (let i = 0; i < units.length; i++) {
    const unit = units[i]!;
    if (draw === undefined || draw.noise === 0) worth[i] = -pool.rank[unit]!;
    else if (draw.noise === 'uniform') worth[i] = draw.rng.uniform();
    else worth[i] = pool.logScores[unit]! + draw.noise * draw.rng.gumbel();
  }
  return worth;
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
