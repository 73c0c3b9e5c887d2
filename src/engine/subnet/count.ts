import type { ModelShape } from '../model/modelShape.ts';
import { denseSubnet, hasAttention, type LayerMask, type Subnet } from '../model/subnet.ts';
import { unitCosts, type UnitCosts } from './units.ts';

/** Parameter counts of a subnet beside those of its dense model. */
export interface ParameterCount {
  /** Prunable parameters kept in the blocks: weights and biases, norm gains excluded. */
  readonly block: number;
  /** Everything kept: blocks, norms of the sublayers present, embeddings, positions, head. */
  readonly total: number;
  readonly denseBlock: number;
  readonly denseTotal: number;
}

/**
 * Exact parameter counts of a legal subnet.
 *
 * A tied output head is counted once. The norm in front of a removed sublayer does nothing and is
 * not counted.
 * @source METHODS section 6.1
 */
export function countParameters(shape: ModelShape, subnet: Subnet): ParameterCount {
  const kept = countLayers(shape, subnet.layers);
  const dense = countLayers(shape, denseSubnet(shape).layers);
  const outside = parametersOutsideBlocks(shape);
  return {
    block: kept.block,
    total: kept.block + kept.norms + outside,
    denseBlock: dense.block,
    denseTotal: dense.block + dense.norms + outside,
  };
}

/** Prunable parameters of one block under a mask. */
export function layerParameters(costs: UnitCosts, mask: LayerMask): number {
  let count = 0;
  for (const head of mask.heads) count += costs.qk * head.qk.length + costs.vo * head.vo.length;
  count += costs.mlp * mask.mlp.length;
  if (hasAttention(mask)) count += costs.attentionFixed;
  if (mask.mlp.length > 0) count += costs.mlpFixed;
  return count;
}

/**
 * The budget, in block parameters, that keeps a fraction of the prunable parameters.
 * @param kept  fraction kept, 0 to 1
 */
export function blockBudget(shape: ModelShape, kept: number): number {
  const { block } = countLayers(shape, denseSubnet(shape).layers);
  // The thousandth absorbs rounding such as 0.7 · 10 = 6.999…; a true fraction is never that close.
  return Math.floor(kept * block + 1e-3);
}

function countLayers(
  shape: ModelShape,
  layers: readonly LayerMask[],
): { block: number; norms: number } {
  const costs = unitCosts(shape);
  let block = 0;
  let sublayers = 0;
  for (const mask of layers) {
    block += layerParameters(costs, mask);
    sublayers += (hasAttention(mask) ? 1 : 0) + (mask.mlp.length > 0 ? 1 : 0);
  }
  return { block, norms: sublayers * normParameters(shape) };
}

function normParameters(shape: ModelShape): number {
  return shape.norm.kind === 'layer' ? 2 * shape.hidden : shape.hidden;
}

function parametersOutsideBlocks(shape: ModelShape): number {
  const tables = shape.tiedEmbeddings ? 1 : 2;
  const positions =
    shape.positions.kind === 'learned' ? shape.maxPositions + shape.positions.offset : 0;
  return (tables * shape.vocab + positions) * shape.hidden + normParameters(shape);
}
