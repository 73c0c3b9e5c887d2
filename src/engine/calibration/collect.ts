import type { ModelWeights } from '../checkpoint/modelWeights.ts';
import type { ForwardPass, Tap } from '../graphs/forwardPass.ts';
import { addColumnSums, Moments } from '../graphs/moments.ts';
import { releaseTensors } from '../runtime/deviceTensors.ts';
import type { Tensor } from '../runtime/runtime.ts';
import { denseSubnet } from '../model/subnet.ts';
import type { InputStatistics, LayerStatistics } from './statistics.ts';

/** What calibration tells of one block. */
export interface CalibratedLayer {
  readonly layer: number;
  readonly statistics: LayerStatistics;
  /**
   * Block influence: mean over tokens of 1 − cos(residual stream before, after the block); small
   * for a block that could be left out.
   * @source Men et al. 2024 (ShortGPT), METHODS 4.12
   */
  readonly influence: number;
}

/**
 * One streaming pass of the dense model over the calibration windows.
 *
 * Blocks outside, batches inside: only the residual streams of all windows and one block's Gram
 * matrices are in memory at a time (see {@link calibrationBytes}).
 * @param batches  windows grouped into batches, all of one length
 * @param onLayer  receives each block's statistics, which it may keep or drop, in order
 */
export async function collectStatistics(
  forward: ForwardPass,
  weights: ModelWeights,
  batches: readonly (readonly Uint32Array[])[],
  onLayer: (layer: CalibratedLayer) => Promise<void> | void,
  signal?: AbortSignal,
): Promise<void> {
  const { shape } = weights;
  const dense = denseSubnet(shape);
  const moments = new Moments(forward.runtime);
  let states: Tensor[] = batches.map((batch) => forward.embed(weights, batch));
  for (const [l, layer] of weights.layers.entries()) {
    const mask = dense.layers[l]!;
    const [attentionInput, context] = [sumOf(shape.hidden), sumOf(shape.heads * shape.headDim)];
    const middle = await forward.sublayer('attention', layer, mask, states, {
      signal,
      tap: (tap) => addTap(moments, tap, attentionInput, context),
    });
    const [mlpInput, hidden] = [sumOf(shape.hidden), sumOf(shape.intermediate)];
    const after = await forward.sublayer('mlp', layer, mask, middle, {
      signal,
      tap: (tap) => addTap(moments, tap, mlpInput, hidden),
    });
    releaseTensors(middle);
    const influence = await blockInfluence(forward, states, after);
    const statistics = { attentionInput, context, mlpInput, hidden };
    releaseTensors(states);
    states = after;
    await onLayer({ layer: l, statistics, influence });
  }
  releaseTensors(states);
}

/**
 * Peak bytes of {@link collectStatistics} beside the weights: two residual streams of all tokens
 * and one block's float64 Gram matrices with their float32 products.
 */
export function calibrationBytes(
  shape: { hidden: number; heads: number; headDim: number; intermediate: number },
  tokens: number,
): number {
  const widths = [shape.hidden, shape.heads * shape.headDim, shape.hidden, shape.intermediate];
  const grams = widths.reduce((sum, width) => sum + 8 * width * width, 0);
  return 2 * 4 * tokens * shape.hidden + grams + 4 * shape.intermediate ** 2;
}

interface MutableStatistics extends InputStatistics {
  tokens: number;
}

function sumOf(width: number): MutableStatistics {
  return {
    width,
    tokens: 0,
    gram: new Float64Array(width * width),
    sum: new Float64Array(width),
  };
}

async function addTap(
  moments: Moments,
  tap: Tap,
  normed: MutableStatistics,
  inner: MutableStatistics,
): Promise<void> {
  for (const [statistics, x] of [
    [normed, tap.normed],
    [inner, tap.inner],
  ] as const) {
    const tokens = x.length / statistics.width;
    await moments.addCross(statistics.gram, x, x, tokens);
    addColumnSums(statistics.sum, x);
    statistics.tokens += tokens;
  }
}

async function blockInfluence(
  forward: ForwardPass,
  before: readonly Tensor[],
  after: readonly Tensor[],
): Promise<number> {
  let sum = 0;
  let tokens = 0;
  for (const [b, state] of before.entries()) {
    const [x, y] = [await forward.host(state), await forward.host(after[b]!)];
    const width = forward.shape.hidden;
    for (let at = 0; at < x.length; at += width) {
      let [dot, xx, yy] = [0, 0, 0];
      for (let i = at; i < at + width; i++) {
        const [a, c] = [x[i] as number, y[i] as number];
        dot += a * c;
        xx += a * a;
        yy += c * c;
      }
      sum += xx > 0 && yy > 0 ? 1 - dot / Math.sqrt(xx * yy) : 1;
      tokens++;
    }
  }
  return sum / tokens;
}
