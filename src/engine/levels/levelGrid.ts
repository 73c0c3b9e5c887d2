import { type Block, qkUnitsOf } from '../model/block.ts';
import { denseParameters, unitCosts } from '../model/cost.ts';

/** What of a block has levels of its own: MLP neurons, value dimensions, query/key units. */
export type LevelKind = 'mlp' | 'vo' | 'qk';

/** The kinds in the order in which a genome names their levels. */
export const LEVEL_KINDS: readonly LevelKind[] = ['qk', 'vo', 'mlp'];

/**
 * The widths that a block is offered at, in units of all its heads together, widest first: all units
 * at the start, none at the end, which removes the sublayer.
 */
export type BlockGrid = Readonly<Record<LevelKind, readonly number[]>>;

/** Most and fewest levels of a kind. */
const MOST_LEVELS = 192;
const LEAST_LEVELS = 8;

/**
 * The widths of a block, so that a step from one level to the next moves about so many parameters.
 *
 * A head keeps one dimension of each kind until its sublayer is removed. Query/key units that are
 * whole heads (under head norms) go with the head's values and have no levels of their own.
 * @param stepParameters  parameters of a step, where units and the bounds of levels allow it
 */
export function blockGrid(block: Block, stepParameters: number): BlockGrid {
  const { attention, mlp } = block;
  const costs = unitCosts(block);
  const { pairs, singles, whole } = qkUnitsOf(attention);
  const heads = attention.kvHeads;
  const qkUnits = heads * (pairs + singles);
  const qkCost = (costs.head * heads) / qkUnits;
  return {
    mlp: widths(mlp.intermediate, 1, costs.mlp, stepParameters),
    vo: widths(heads * attention.headDim, whole ? 1 : heads, costs.vo, stepParameters),
    qk: whole ? [heads, 0] : widths(qkUnits, heads, qkCost, stepParameters),
  };
}

/** Steps of a grid that keep budgets within a thousandth: two of them are one. */
export function stepParametersOf(blocks: readonly Block[]): number {
  const dense = blocks.reduce(
    (sum, block) => sum + denseParameters(block, 'attention') + denseParameters(block, 'mlp'),
    0,
  );
  return dense / 2000;
}

function widths(units: number, least: number, cost: number, stepParameters: number): number[] {
  const wanted = (units * cost) / stepParameters;
  const levels = Math.min(MOST_LEVELS, units, Math.max(LEAST_LEVELS, wanted));
  const step = Math.max(1, Math.round(units / levels));
  const found: number[] = [];
  for (let width = units; width > least; width -= step) found.push(width);
  if (units === least) found.push(units);
  return [...found, 0];
}
