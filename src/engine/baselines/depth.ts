import { EngineError, throwIfAborted } from '../../protocol/errors.ts';
import type { ModelShape } from '../model/modelShape.ts';
import type { WeightSource } from '../checkpoint/weightSource.ts';
import { initialSubnet } from '../search/baseline.ts';
import { blocksOf } from '../model/block.ts';
import { blockParameters } from '../model/cost.ts';
import {
  denseMask,
  denseSubnet,
  emptyMask,
  type LayerMask,
  type LayerScores,
  type Subnet,
} from '../model/subnet.ts';
import { magnitudeUnitScores, narrowed, type StructuredCandidate } from './structuredSubnet.ts';

/**
 * Removes whole blocks in a given order until a budget is met.
 *
 * Deviation: blocks are coarse, and comparisons are at equal parameters, so the last block to go is
 * not removed but thinned to what is left of the budget, its largest weights kept.
 * @param order  blocks, the first to go first
 * @param budget  block parameters
 * @throws EngineError `budget` when the order is too short or no subnet has the budget
 */
export async function depthSubnet(
  weights: WeightSource,
  order: readonly number[],
  budget: number,
): Promise<StructuredCandidate> {
  const { shape } = weights;
  const dense = denseSubnet(shape);
  const layers = [...dense.layers];
  const costs = blockCosts(shape);
  let excess = costs.reduce((sum, cost) => sum + cost, 0) - budget;
  let next = 0;
  for (; next < order.length && excess >= costs[order[next]!]!; next++) {
    layers[order[next]!] = emptyMask(shape.kvHeads);
    excess -= costs[order[next]!]!;
  }
  if (excess > 0) {
    const scores = await magnitudeUnitScores(weights);
    thinNext(shape, layers, { order: order.slice(next), costs, excess, scores });
  }
  return narrowed(weights, { layers });
}

/** How many blocks {@link depthSubnet} touches at a budget at most: what an order must name. */
export function blocksTouched(shape: ModelShape, budget: number): number {
  const costs = blockCosts(shape).sort((a, b) => a - b);
  let excess = costs.reduce((sum, cost) => sum + cost, 0) - budget;
  let removed = 0;
  for (; removed < costs.length && excess > 0; removed++) excess -= costs[removed]!;
  return Math.min(shape.layers, removed + 1);
}

/** Prunable parameters of each block, [L]. */
function blockCosts(shape: ModelShape): number[] {
  return blocksOf(shape).map((block) => blockParameters(block, denseMask(block)));
}

/** Blocks by influence, the least influential first; ties by index. */
export function influenceOrder(influence: readonly number[]): number[] {
  return [...influence.keys()].sort((a, b) => influence[a]! - influence[b]! || a - b);
}

/**
 * Blocks in the order in which leaving them out hurts least, one after the other, each judged with
 * those before it gone (SLEB). The first and the last block stay.
 * @param count  blocks to name
 * @param loss  of a subnet; smaller is better
 * @throws EngineError `budget` when the model has not so many blocks to give, `cancelled`
 * @source Song et al. 2024 (SLEB, arXiv 2402.09025); METHODS section 4.12
 */
export async function greedyOrder(
  shape: ModelShape,
  count: number,
  loss: (subnet: Subnet) => Promise<number>,
  options: {
    readonly signal?: AbortSignal | undefined;
    readonly onRemoved?: ((done: number) => void) | undefined;
  } = {},
): Promise<number[]> {
  const dense = denseSubnet(shape).layers;
  const order: number[] = [];
  for (let step = 0; step < count; step++) {
    let best: { block: number; loss: number } | null = null;
    for (let block = 1; block < shape.layers - 1; block++) {
      if (order.includes(block)) continue;
      throwIfAborted(options.signal);
      const layers = dense.map((mask, l) =>
        l === block || order.includes(l) ? emptyMask(shape.kvHeads) : mask,
      );
      const found = await loss({ layers });
      // A loss that is not a number never wins, but something must go.
      if (best === null || found < best.loss) best = { block, loss: found };
    }
    if (best === null) throw tooFew(shape, count);
    order.push(best.block);
    options.onRemoved?.(order.length);
  }
  return order;
}

/** Thins the next block, or the next two when one alone cannot hold so little. */
function thinNext(
  shape: ModelShape,
  layers: LayerMask[],
  {
    order,
    costs,
    excess,
    scores,
  }: {
    /** Blocks, the next to be thinned first. */
    readonly order: readonly number[];
    readonly costs: readonly number[];
    /** Parameters to be removed. */
    readonly excess: number;
    readonly scores: readonly LayerScores[];
  },
): void {
  for (const count of [1, 2]) {
    const blocks = order.slice(0, count);
    if (blocks.length < count) throw tooFew(shape, layers.length);
    const budget = blocks.reduce((sum, l) => sum + costs[l]!, -excess);
    const thin = thinned(shape, blocks, scores, budget);
    if (thin === null) continue;
    blocks.forEach((l, i) => (layers[l] = thin[i]!));
    return;
  }
}

/** Masks of some blocks on a budget of their own; null where they cannot have it. */
function thinned(
  shape: ModelShape,
  blocks: readonly number[],
  scores: readonly LayerScores[],
  budget: number,
): readonly LayerMask[] | null {
  const traits = shape.blocks === undefined ? {} : { blocks: blocks.map((l) => shape.blocks![l]!) };
  const part = { ...shape, layers: blocks.length, ...traits };
  const own = blocks.map((l) => scores[l]!);
  try {
    return initialSubnet({ shape: part, masks: 'decoupled', budget }, own).layers;
  } catch (error) {
    if (error instanceof EngineError && error.code === 'budget') return null;
    throw error;
  }
}

function tooFew(shape: ModelShape, wanted: number): EngineError {
  return new EngineError('budget', {
    what: 'Depth removal',
    expected: `at most ${shape.layers - 2} blocks to remove`,
    found: `${wanted}`,
    action: 'Choose a larger ratio.',
    sentence: `Depth removal would have to remove ${wanted} of the ${shape.layers} blocks, and two must stay.`,
  });
}
