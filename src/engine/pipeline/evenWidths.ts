import type { EstimateReport } from '../../protocol/estimate.ts';
import { qkUnitsPerHead, type ModelShape } from '../model/modelShape.ts';
import { blockOf } from '../model/block.ts';
import { qkUnitCost, unitCosts } from '../model/cost.ts';

/**
 * Widths that spend a budget evenly: the same share of every head and MLP of every block, rounded
 * down to whole units, what is left over going to the MLP.
 * @param budget  block parameters
 * @returns units kept of each head's query/key and value/output units and of each MLP; at least 1
 */
export function evenWidths(shape: ModelShape, budget: number): EstimateReport['widths'] {
  const block = blockOf(shape, 0);
  const unit = unitCosts(block);
  const costs = { ...unit, qk: qkUnitCost(block, unit) };
  const { kvHeads, headDim, intermediate } = shape;
  const qkUnits = qkUnitsPerHead(shape);
  const perBlock = budget / shape.layers - costs.attentionFixed - costs.mlpFixed;
  const dense = kvHeads * (qkUnits * costs.qk + headDim * costs.vo) + intermediate * costs.mlp;
  const share = Math.min(1, Math.max(0, perBlock / dense));
  // The thousandth absorbs rounding: all of 16 units is 16 and not 15.
  const part = (units: number): number => Math.max(1, Math.floor(share * units + 1e-3));
  const [qk, vo] = [part(qkUnits), part(headDim)];
  const left = perBlock - kvHeads * (qk * costs.qk + vo * costs.vo);
  const mlp = Math.min(intermediate, Math.max(1, Math.floor(left / costs.mlp + 1e-3)));
  return { qk, vo, mlp };
}
