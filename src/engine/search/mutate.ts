import type { Rng } from '../numeric/rng.ts';
import { depthOf, ratioOf, type Genome } from './genome.ts';
import { repair, setDepth } from './repair.ts';
import { resize, swapUnits, type ScoreNoise } from './resize.ts';
import { gridAround } from './space.ts';
import type { Pool, Terrain } from './terrain.ts';

/** Probabilities of change, 0 to 1. */
export interface MutationRates {
  /** P_d: of a new depth, per child. */
  readonly depth: number;
  /** P_s: of a new ratio, per pool. */
  readonly ratio: number;
  /** P_m: of a new mask at the same ratio, per pool. */
  readonly mask: number;
}

/** How a change is drawn once it happens. */
export interface VariationOptions {
  /** alpha: share of the kept units that a mask mutation keeps, 0 to 1. */
  readonly keepShare: number;
  /** Scores in mask mutation; the paper draws uniformly. */
  readonly maskNoise: ScoreNoise;
  /** Scores when a ratio change grows or shrinks a kept set. */
  readonly ratioNoise: ScoreNoise;
  /** How far a ratio may move at once, as a fraction of its range; 1 = anywhere. */
  readonly ratioReach: number;
  /** Noise in where the repair gives and takes, in nats. */
  readonly repairNoise: number;
}

/**
 * A changed copy of a genome, exactly on budget.
 *
 * Deviation: a draw in which nothing changes would be a lost child, so one ratio is then drawn
 * anew. The pools just changed are the last the repair touches.
 * @source METHODS section 1.1, Algorithm 1; departures in the functions used
 */
export function mutate(
  terrain: Terrain,
  genome: Genome,
  rates: MutationRates,
  rng: Rng,
  options: VariationOptions,
): Genome {
  const present = mutateDepth(terrain, genome, rates.depth, rng);
  const kept = genome.kept.map((pools) => pools.slice());
  const changed = new Set<Pool>();
  const visit = (layer: number, p: number, draw: MutationRates): void => {
    const pool = terrain.pools[layer]![p]!;
    const next = mutatePool(pool, kept[layer]![p]!, draw, rng, options);
    if (next === kept[layer]![p]) return;
    kept[layer]![p] = next;
    changed.add(pool);
  };
  const layers = [...present.keys()].filter((layer) => present[layer]);
  for (const layer of layers) {
    for (const p of kept[layer]!.keys()) visit(layer, p, rates);
  }
  if (changed.size === 0 && present.every((flag, l) => flag === genome.present[l])) {
    const layer = layers[rng.int(layers.length)]!;
    visit(layer, rng.int(kept[layer]!.length), { depth: 0, ratio: 1, mask: 0 });
  }
  return repair(terrain, { present, kept }, { rng, noise: options.repairNoise, spared: changed });
}

function mutateDepth(
  terrain: Terrain,
  genome: Genome,
  probability: number,
  rng: Rng,
): readonly boolean[] {
  const { least, most } = terrain.space.depth;
  if (rng.uniform() >= probability) return genome.present;
  const blocks = least + rng.int(most - least + 1);
  return blocks === depthOf(genome) ? genome.present : setDepth(terrain, genome.present, blocks);
}

function mutatePool(
  pool: Pool,
  kept: Uint32Array,
  rates: MutationRates,
  rng: Rng,
  options: VariationOptions,
): Uint32Array {
  let next = kept;
  if (rng.uniform() < rates.ratio) {
    const grid = gridAround(pool.range, ratioOf(pool, kept), options.ratioReach);
    const ratio = grid[rng.int(grid.length)]!;
    const count = Math.min(pool.most, Math.max(pool.least, Math.round(ratio * pool.units)));
    next = resize(pool, next, count, { rng, noise: options.ratioNoise });
  }
  if (rng.uniform() < rates.mask) {
    next = swapUnits(pool, next, options.keepShare, { rng, noise: options.maskNoise });
  }
  return next;
}
