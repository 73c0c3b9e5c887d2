import type { LayerWeights } from '../checkpoint/modelWeights.ts';
import type { ForwardPass } from '../graphs/forwardPass.ts';
import { attentionRows, ZERO_ROW } from '../graphs/keptRows.ts';
import { momentsOf } from '../graphs/moments.ts';
import { releaseTensors } from '../runtime/deviceTensors.ts';
import type { Tensor } from '../runtime/runtime.ts';
import type { LayerMask } from '../subnet/subnet.ts';
import type { SublayerStatistics } from './sublayerStatistics.ts';

/**
 * Statistics of a block's attention inputs and of what enters o, over all batches.
 * @param states  residual stream before the sublayer per batch, [B, T, H]; not changed
 * @throws EngineError `cancelled` between two batches
 */
export async function attentionStatistics(
  forward: ForwardPass,
  layer: LayerWeights,
  mask: LayerMask,
  states: readonly Tensor[],
  gram: boolean,
  signal?: AbortSignal,
): Promise<SublayerStatistics> {
  const { shape } = forward;
  const moments = momentsOf(forward);
  const normed = emptyMoments(shape.hidden, gram);
  const inner = emptyMoments(shape.heads * shape.headDim, gram);
  const layout = attentionRows(shape, mask, forward.variantFor(states[0])).o;
  let tokens = 0;
  const after = await forward.sublayer('attention', layer, mask, states, {
    signal,
    tap: async (tap) => {
      const count = tap.normed.length / shape.hidden;
      tokens += count;
      for (const [sums, x] of [
        [normed, tap.normed],
        [inner, withoutPadding(tap.inner, layout)],
      ] as const) {
        addSquares(sums.squares, x);
        if (sums.gram !== null) await moments.addCross(sums.gram, x, x, count);
      }
    },
  });
  releaseTensors(after);
  return { tokens, normed, inner, sensitivity: null };
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

/**
 * The tapped context without the columns that pad a head.
 * @param inner  [N, padded]
 * @param layout  what each column is, [padded]
 * @returns  [N, A·D]; the same array when there is no padding
 */
export function withoutPadding(inner: Float32Array, layout: Int32Array): Float32Array {
  if (!layout.includes(ZERO_ROW)) return inner;
  const columns = [...layout.keys()].filter((i) => layout[i] !== ZERO_ROW);
  const rows = inner.length / layout.length;
  const out = new Float32Array(rows * columns.length);
  let at = 0;
  for (let row = 0; row < rows; row++) {
    for (const column of columns) out[at++] = inner[row * layout.length + column]!;
  }
  return out;
}
