import type { LayerWeights } from '../checkpoint/modelWeights.ts';
import type { WeightSource } from '../checkpoint/weightSource.ts';
import type { ForwardPass } from '../graphs/forwardPass.ts';
import { denseSubnet } from '../model/subnet.ts';
import { InputSums, inputWidths } from '../passes/statistics.ts';
import { type Visitor, walk } from '../passes/walk.ts';
import { releaseTensors, retainTensor } from '../runtime/deviceTensors.ts';
import type { Tensor } from '../runtime/runtime.ts';
import type { InputStatistics, LayerStatistics } from './statistics.ts';

/** What calibration tells of one block. */
export interface CalibratedLayer {
  readonly layer: number;
  readonly weights: LayerWeights;
  readonly statistics: LayerStatistics;
  /**
   * Block influence: mean over tokens of 1 − cos(residual stream without, with the block); small for
   * a block that could be left out. Without it the stream is that before the block, through the norms
   * behind its sublayers where it has such.
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
  weights: WeightSource,
  batches: readonly (readonly Uint32Array[])[],
  onLayer: (layer: CalibratedLayer) => Promise<void> | void,
  signal?: AbortSignal,
): Promise<void> {
  const { shape } = weights;
  const subnet = denseSubnet(shape);
  let found: Partial<Record<keyof LayerStatistics, InputStatistics>> = {};
  /** The stream before the block in work; in the end, that behind it without its sublayers. */
  let before: Tensor[] = [];
  const visitor: Visitor = {
    async visit(here) {
      const isFirst = here.kind === 'attention';
      if (isFirst) before = here.states.map(retainTensor);
      const { normed, inner } = inputWidths(shape, here);
      const wanted = { gram: true, sum: true };
      const input = new InputSums(forward.moments, normed, wanted);
      const output = new InputSums(forward.moments, inner, wanted);
      await here.observe([
        { add: (flow) => input.add(flow.normed) },
        { add: (flow) => output.add(flow.inner) },
      ]);
      const [outer, own] = [statisticsOf(input), statisticsOf(output)];
      found = isFirst
        ? { attentionInput: outer, context: own }
        : { ...found, mlpInput: outer, hidden: own };
      return 'unchanged';
    },
    async leave({ index, original, states }) {
      for (const kind of ['attention', 'mlp'] as const) {
        const without = await forward.normBehind(kind, original, before, signal);
        releaseTensors(before);
        before = without;
      }
      const influence = await blockInfluence(forward, before, states);
      releaseTensors(before);
      before = [];
      const statistics = found as LayerStatistics;
      await onLayer({ layer: index, weights: original, statistics, influence });
    },
  };
  try {
    await walk({ forward, weights, subnet, batches, signal }, visitor);
  } finally {
    releaseTensors(before);
  }
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

function statisticsOf({ width, tokens, gram, sum }: InputSums): InputStatistics {
  return { width, tokens, gram, sum };
}

async function blockInfluence(
  forward: ForwardPass,
  without: readonly Tensor[],
  behind: readonly Tensor[],
): Promise<number> {
  let sum = 0;
  let tokens = 0;
  for (const [b, state] of without.entries()) {
    const [x, y] = [await forward.host(state), await forward.host(behind[b]!)];
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
