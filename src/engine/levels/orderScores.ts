import { type Block, qkUnitCount } from '../model/block.ts';
import type { LayerScores } from '../model/subnet.ts';
import type { RemovalOrders } from './blockLevels.ts';

/**
 * The places of a block's units in the orders in which levels remove them, as scores: the unit that goes
 * first has 0. Value dimensions are those of the rotated basis.
 */
export function orderScores({ attention, mlp }: Block, orders: RemovalOrders): LayerScores {
  const { kvHeads, headDim } = attention;
  const units = qkUnitCount(attention);
  const perHead = (count: number): Float64Array[] =>
    Array.from({ length: kvHeads }, () => new Float64Array(count));
  const [qk, vo] = [perHead(units), perHead(headDim)];
  orders.qk.forEach((unit, place) => {
    qk[Math.floor(unit / units)]![unit % units] = place;
  });
  const left = new Uint32Array(kvHeads).fill(headDim);
  // Of a head, always the last dimension that it has goes.
  orders.vo.forEach((head, place) => {
    vo[head]![--left[head]!] = place;
  });
  const neurons = new Float64Array(mlp.intermediate);
  orders.mlp.forEach((neuron, place) => {
    neurons[neuron] = place;
  });
  return { qk, vo, mlp: neurons };
}
