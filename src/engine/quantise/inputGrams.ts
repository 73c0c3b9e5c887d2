import type { Runner } from '../graphs/runner.ts';
import { type Matrix, matrixOf } from '../numeric/matrix.ts';
import { InputSums, inputWidths } from '../passes/statistics.ts';
import type { Here } from '../passes/walk.ts';

/** Gram matrices of what enters the maps of a sublayer: Σ x·xᵀ over tokens. */
export interface InputGrams {
  /** Of the sublayer's normed input, [H, H]. */
  readonly normed: Matrix;
  /** Of the input of o or down, kept rows only, ascending; tokens weighted, see {@link inputGrams}. */
  readonly inner: Matrix;
}

/**
 * Looks at the inputs of the sublayer where a walk stands.
 *
 * What o and down add to the residual stream is read through a norm, behind the sublayer or in front
 * of the next, so an error of theirs counts against the size of the stream it is added to: a token
 * counts by the inverse of its mean square. Without that, the one token a window that language models
 * give a huge stream outweighs all others.
 * @throws EngineError `cancelled`
 */
export async function inputGrams({ moments, shape }: Runner, here: Here): Promise<InputGrams> {
  const widths = inputWidths(shape, here);
  const normed = new InputSums(moments, widths.normed, { gram: true });
  const inner = new InputSums(moments, widths.inner, { gram: true });
  await here.observe([
    { add: (flow) => normed.add(flow.normed) },
    { add: async (flow) => inner.add(weightTokens(flow.inner, await flow.after(), flow.tokens)) },
  ]);
  return {
    normed: matrixOf(normed.gram, normed.width, normed.width),
    inner: matrixOf(inner.gram, inner.width, inner.width),
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
