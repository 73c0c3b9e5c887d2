import {
  blockBudget,
  countParameters,
  projectionParameters,
  tableParameters,
} from '../model/cost.ts';
import { denseSubnet } from '../model/subnet.ts';
import type { EstimatedWork } from './estimateSpace.ts';

/** Tokens of a batch (see batchesOf). */
const TOKENS_PER_BATCH = 1024;

/** FLOPs of the blocks: two per parameter and token, and the attention products over the window. */
export function bodyFlops(
  { shape }: EstimatedWork,
  tokens: number,
  length: number,
  share: number,
): number {
  const { layers, heads, headDim } = shape;
  const linear = 2 * tokens * countParameters(shape, denseSubnet(shape)).denseBlock;
  return share * (linear + 4 * tokens * length * layers * heads * headDim);
}

/** FLOPs of the head: a product with the table. */
export function headFlops({ shape }: EstimatedWork, tokens: number): number {
  return 2 * tokens * (tableParameters(shape) + projectionParameters(shape));
}

/** Share of the block parameters that a subnet on the budget keeps. */
export function keptShare({ shape, config }: EstimatedWork): number {
  return blockBudget(shape, config.ratio) / blockBudget(shape, 1);
}

/** Parameters of the dense model. */
export function paramsOf({ shape }: EstimatedWork): number {
  return countParameters(shape, denseSubnet(shape)).denseTotal;
}

/** Batches that tokens are run in. */
export function batchesOf(tokens: number, length: number): number {
  return Math.ceil(tokens / Math.max(length, TOKENS_PER_BATCH));
}
