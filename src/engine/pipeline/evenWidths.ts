import type { EstimateReport } from '../../protocol/estimate.ts';
import { blockOf } from '../model/block.ts';
import { unitCosts } from '../model/cost.ts';
import type { ModelShape } from '../model/modelShape.ts';
import { qkRunsOf } from '../model/unitRuns.ts';

/**
 * Widths that spend a budget evenly: the same share of every head and MLP of every block, rounded
 * down to whole units of each kind, what is left over going to the MLP. Units are those of the first
 * block.
 * @param budget  block parameters
 * @returns units kept of each head's query/key and value/output units and of each MLP; at least 1
 */
export function evenWidths(shape: ModelShape, budget: number): EstimateReport['widths'] {
  const block = blockOf(shape, 0);
  const costs = unitCosts(block);
  const runs = qkRunsOf(block.attention);
  const { kvHeads, headDim, intermediate } = shape;
  const perBlock = budget / shape.layers - costs.attentionFixed - costs.mlpFixed;
  const dense = kvHeads * (costs.head + headDim * costs.vo) + intermediate * costs.mlp;
  const share = Math.min(1, Math.max(0, perBlock / dense));
  // The thousandth absorbs rounding: all of 16 units is 16 and not 15.
  const part = (units: number): number => Math.max(1, Math.floor(share * units + 1e-3));
  const qk = runs.map(({ count }) => part(count));
  const vo = part(headDim);
  const cost = runs.reduce((sum, { kind }, i) => sum + qk[i]! * costs[kind], vo * costs.vo);
  const left = perBlock - kvHeads * cost;
  const mlp = Math.min(intermediate, Math.max(1, Math.floor(left / costs.mlp + 1e-3)));
  return { qk: qk.reduce((sum, units) => sum + units, 0), vo, mlp };
}
