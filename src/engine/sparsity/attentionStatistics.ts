import type { LayerWeights } from '../checkpoint/modelWeights.ts';
import type { ForwardPass } from '../graphs/forwardPass.ts';
import { blockOf } from '../model/block.ts';
import { rowsOf } from '../model/rows.ts';
import { releaseTensors } from '../runtime/deviceTensors.ts';
import type { Tensor } from '../runtime/runtime.ts';
import type { LayerMask } from '../model/subnet.ts';
import { addToSets, emptySets } from './normedSets.ts';
import type { StatisticsWish, SublayerStatistics } from './sublayerStatistics.ts';

/**
 * Statistics of a block's attention inputs and of what enters o, over all batches. Channels of o's
 * input are those the mask keeps, in the order of the sliced weight.
 * @param states  residual stream before the sublayer per batch, [B, T, H]; not changed
 * @throws EngineError `cancelled` between two batches
 */
export async function attentionStatistics(
  forward: ForwardPass,
  layer: LayerWeights,
  mask: LayerMask,
  states: readonly Tensor[],
  { gram, sets }: Pick<StatisticsWish, 'gram' | 'sets'>,
  signal?: AbortSignal,
): Promise<SublayerStatistics> {
  const { shape } = forward;
  const normedSets = emptySets(sets, shape.hidden);
  const moments = forward.moments;
  const normed = emptyMoments(shape.hidden, gram);
  const width = rowsOf(blockOf(shape, 0), 'o', mask).length;
  const inner = emptyMoments(width, gram);
  let tokens = 0;
  const after = await forward.sublayer('attention', layer, mask, states, {
    signal,
    tap: async (tap, batch) => {
      const count = tap.normed.length / shape.hidden;
      tokens += count;
      for (const [sums, x] of [
        [normed, tap.normed],
        [inner, tap.inner],
      ] as const) {
        addSquares(sums.squares, x);
        if (sums.gram !== null) await moments.addCross(sums.gram, x, x, count);
      }
      await addToSets(moments, normedSets, tap.normed, sets, batch);
    },
  });
  releaseTensors(after);
  return { tokens, normed, inner, normedSets, sensitivity: null };
}

interface Sums {
  readonly squares: Float64Array;
  readonly gram: Float64Array | null;
}

function emptyMoments(width: number, gram: boolean): Sums {
  return { squares: new Float64Array(width), gram: gram ? new Float64Array(width ** 2) : null };
}

/** sum[c] += Σ over rows of a[row, c]². */
function addSquares(sum: Float64Array, a: Float32Array): void {
  const width = sum.length;
  for (let at = 0; at < a.length; at += width) {
    for (let i = 0; i < width; i++) sum[i]! += a[at + i]! ** 2;
  }
}
