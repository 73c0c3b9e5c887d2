import { EngineError } from '../../protocol/errors.ts';
import type { Rng } from '../numeric/rng.ts';
import { allocate, type Lot } from './allocate.ts';
import { depthOf, type Genome } from './genome.ts';
import { resize } from './resize.ts';
import type { Pool, Terrain } from './terrain.ts';

/** How a repair may choose where to give and take. */
export interface RepairOptions {
  /** Chooses between equally good places; absent = no noise. */
  readonly rng?: Rng;
  /** Standard deviation of each pool's willingness, in nats; 0 shares in proportion to room. */
  readonly noise: number;
  /** Pools of the terrain to be left alone while others can give. */
  readonly spared?: ReadonlySet<Pool>;
}

/**
 * The genome brought exactly to the budget: more than budget minus the cheapest unit of the space
 * (tied units count whole) and at most budget, and as near to the budget as unit sizes allow with a small exchange.
 *
 * The space's bounds hold wherever the budget can be spent inside them. If it cannot, the number
 * of blocks changes first (within its bounds), then pools leave their bounds, then the number of
 * blocks does. Inside a pool the best removed units enter and the worst kept units leave.
 *
 * Deviation: the paper throws candidates outside a size window away; here every child counts
 * (METHODS 1.4).
 * @returns a new genome; arrays of unchanged pools are shared with the old one
 * @throws EngineError  `budget` when no subnet of this model can have the budget
 */
export function repair(terrain: Terrain, genome: Genome, options: RepairOptions): Genome {
  assertFeasible(terrain);
  const weights = terrain.pools.map((pools) => pools.map((pool) => weightOf(options, pool)));
  const inSpace = withDepthFor(terrain, genome.present, 'space');
  const inside = settle(terrain, genome, inSpace, 'space', weights);
  if (inside !== null) return inside;
  const inModel = withDepthFor(terrain, inSpace, 'model');
  const outside = settle(terrain, genome, inModel, 'model', weights);
  if (outside !== null) return outside;
  throw unreachable(terrain);
}

/** Fewest and most block parameters of any subnet this search can express. */
export function achievableRange(terrain: Terrain): { least: number; most: number } {
  const blocks = terrain.blockOrder.map((l) => blockRange(terrain, l, 'model'));
  return {
    least: Math.min(...blocks.map((block) => block.least)),
    most: blocks.reduce((sum, block) => sum + block.most, 0),
  };
}

/** Whether the bounds of the space hold, or only those of the model. */
type Bounds = 'space' | 'model';

function weightOf({ rng, noise, spared }: RepairOptions, pool: Pool): number {
  const draw = rng === undefined || noise === 0 ? 1 : Math.exp(noise * rng.normal());
  return spared?.has(pool) === true ? 0 : draw;
}

/** Spends the budget on the present blocks; null when the bounds leave no way. */
function settle(
  terrain: Terrain,
  genome: Genome,
  present: readonly boolean[],
  bounds: Bounds,
  weights: readonly (readonly number[])[],
): Genome | null {
  const places: { layer: number; pool: number }[] = [];
  const lots: Lot[] = [];
  terrain.pools.forEach((pools, layer) => {
    if (!present[layer]) return;
    pools.forEach((pool, p) => {
      places.push({ layer, pool: p });
      const [least, most] = boundsOf(pool, bounds);
      // Outside the space the repair still starts from the nearest point inside it.
      const count = Math.min(pool.most, Math.max(pool.least, genome.kept[layer]![p]!.length));
      lots.push({ count, least, most, cost: pool.cost, weight: weights[layer]![p]! });
    });
  });
  const fixed = terrain.blockFixed.reduce((sum, one, l) => sum + (present[l] ? one : 0), 0);
  const counts = allocate(lots, terrain.budget - fixed);
  if (counts === null) return null;
  const kept = genome.kept.map((pools) => pools.slice());
  places.forEach(({ layer, pool }, i) => {
    const units = kept[layer]![pool]!;
    kept[layer]![pool] = resize(terrain.pools[layer]![pool]!, units, counts[i]!);
  });
  return { present, kept };
}

/** The presence flags, changed as little as the budget needs under the given bounds. */
function withDepthFor(
  terrain: Terrain,
  wanted: readonly boolean[],
  bounds: Bounds,
): readonly boolean[] {
  const { depth } = terrain.space;
  const limits = bounds === 'space' ? depth : { least: 1, most: terrain.blockOrder.length };
  let present = setDepth(terrain, wanted, clamp(countPresent(wanted), limits));
  for (let step = 0; step < wanted.length; step++) {
    const range = presentRange(terrain, present, bounds);
    const direction = range.most < terrain.budget ? 1 : range.least > terrain.budget ? -1 : 0;
    const blocks = countPresent(present) + direction;
    if (direction === 0 || blocks < limits.least || blocks > limits.most) break;
    present = setDepth(terrain, present, blocks);
  }
  return present;
}

/**
 * Drops or restores blocks until a number is present: the first of the block order are dropped
 * first, the last of the order return first.
 */
export function setDepth(
  terrain: Terrain,
  present: readonly boolean[],
  blocks: number,
): readonly boolean[] {
  const flags = present.slice();
  let surplus = countPresent(flags) - blocks;
  for (const block of terrain.blockOrder) {
    if (surplus > 0 && flags[block]) {
      flags[block] = false;
      surplus--;
    }
  }
  for (const block of terrain.blockOrder.toReversed()) {
    if (surplus < 0 && !flags[block]) {
      flags[block] = true;
      surplus++;
    }
  }
  return flags;
}

function countPresent(present: readonly boolean[]): number {
  return depthOf({ present, kept: [] });
}

function clamp(value: number, { least, most }: { least: number; most: number }): number {
  return Math.min(most, Math.max(least, value));
}

function boundsOf(pool: Pool, bounds: Bounds): readonly [least: number, most: number] {
  return bounds === 'space' ? [pool.least, pool.most] : [1, pool.units];
}

function blockRange(
  terrain: Terrain,
  layer: number,
  bounds: Bounds,
): { least: number; most: number } {
  const fixed = terrain.blockFixed[layer]!;
  const range = { least: fixed, most: fixed };
  for (const pool of terrain.pools[layer]!) {
    const [least, most] = boundsOf(pool, bounds);
    range.least += pool.cost * least;
    range.most += pool.cost * most;
  }
  return range;
}

function presentRange(
  terrain: Terrain,
  present: readonly boolean[],
  bounds: Bounds,
): { least: number; most: number } {
  const range = { least: 0, most: 0 };
  present.forEach((flag, layer) => {
    if (!flag) return;
    const block = blockRange(terrain, layer, bounds);
    range.least += block.least;
    range.most += block.most;
  });
  return range;
}

function assertFeasible(terrain: Terrain): void {
  const { least, most } = achievableRange(terrain);
  const { budget } = terrain;
  if (!Number.isSafeInteger(budget) || budget < least || budget > most) throw unreachable(terrain);
}

function unreachable(terrain: Terrain): EngineError {
  const { least, most } = achievableRange(terrain);
  return new EngineError('budget', {
    what: 'The parameter budget of the blocks',
    expected: `a whole number from ${least} to ${most}`,
    found: `${terrain.budget}`,
    action: 'Choose a ratio whose share of the block parameters lies in that range.',
    sentence: `A budget of ${terrain.budget} block parameters cannot be met: by the ranges of the search the blocks take from ${least} to ${most}.`,
  });
}
