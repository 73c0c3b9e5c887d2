import type { LayerWeights } from '../checkpoint/modelWeights.ts';
import type { ForwardPass } from '../graphs/forwardPass.ts';
import type { SublayerKind } from '../model/block.ts';
import { type Matrix, matrixOf } from '../numeric/matrix.ts';
import { releaseTensors } from '../runtime/deviceTensors.ts';
import type { Tensor } from '../runtime/runtime.ts';
import type { LayerMask } from '../model/subnet.ts';

/** Gram matrices of what enters the maps of a sublayer: Σ x·xᵀ over tokens. */
export interface InputGrams {
  /** Of the sublayer's normed input, [H, H]. */
  readonly normed: Matrix;
  /** Of the input of o or down, kept rows only, ascending; tokens weighted, see {@link inputGrams}. */
  readonly inner: Matrix;
}

/**
 * Looks at a sublayer's inputs over all batches.
 *
 * What o and down add to the residual stream is read through a norm, so an error of theirs counts
 * against the size of the stream it is added to: a token counts by the inverse of its mean square.
 * Without that, the one token a window that language models give a huge stream outweighs all others.
 * @param states  residual stream before the sublayer per batch, [B, T, H]; not changed
 * @throws EngineError `cancelled`
 */
export async function inputGrams(
  forward: ForwardPass,
  kind: SublayerKind,
  layer: LayerWeights,
  { mask, states }: { readonly mask: LayerMask; readonly states: readonly Tensor[] },
  signal?: AbortSignal,
): Promise<InputGrams> {
  const { shape } = forward;
  const moments = forward.moments;
  const after = await forward.sublayer(kind, layer, mask, states, { signal });
  const normed = new Float64Array(shape.hidden ** 2);
  let inner: Float64Array | undefined;
  let width = 0;
  const again = await forward.sublayer(kind, layer, mask, states, {
    signal,
    tap: async (tap, batch) => {
      const tokens = tap.normed.length / shape.hidden;
      width = tap.inner.length / tokens;
      inner ??= new Float64Array(width ** 2);
      await moments.addCross(normed, tap.normed, tap.normed, tokens);
      const weighted = weightTokens(tap.inner, await forward.host(after[batch]!), tokens);
      await moments.addCross(inner, weighted, weighted, tokens);
    },
  });
  releaseTensors([...after, ...again]);
  return {
    normed: matrixOf(normed, shape.hidden, shape.hidden),
    inner: matrixOf(inner ?? new Float64Array(0), width, width),
  };
}

/** Rows of x over the root mean square of the same rows of a stream. */
function weightTokens(x: Float32Array, stream: Float32Array, tokens: number): Float32Array {
  const [width, hidden] = [x.length / tokens, stream.length / tokens];
  const out = new Float32Array(x.length);
  for (let t = 0; t < tokens; t++) {
    let sum = 0;
    for (let i = t * hidden; i < (t + 1) * hidden; i++) sum += stream[i]! ** 2;
    const share = sum > 0 ? 1 / Math.sqrt(sum / hidden) : 0;
    for (let i = t * width; i < (t + 1) * width; i++) out[i] = x[i]! * share;
  }
  return out;
}
