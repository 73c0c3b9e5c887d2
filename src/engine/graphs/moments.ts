import { GraphBuilder } from '../onnx/graphBuilder.ts';
import { float32Of, tensorOf } from '../runtime/runtime.ts';
import type { Sessions } from './sessions.ts';

/**
 * Second moments of activations, summed over batches.
 *
 * A batch's product runs in float32 on ONNX Runtime; batches are added in float64 here, so the sum
 * does not lose small batches beside a large total.
 */
export class Moments {
  readonly #sessions: Sessions;

  /** @param sessions  where the products run */
  constructor(sessions: Sessions) {
    this.#sessions = sessions;
  }

  /**
   * Adds Aᵀ·B to `sum`.
   * @param sum  [n, m], changed in place
   * @param a  [tokens, n]
   * @param b  [tokens, m]
   */
  async addCross(
    sum: Float64Array,
    a: Float32Array,
    b: Float32Array,
    tokens: number,
  ): Promise<void> {
    const session = await this.#sessions.of('cross', crossGraph);
    const result = await session.run1({
      a: tensorOf(a, [tokens, a.length / tokens]),
      b: tensorOf(b, [tokens, b.length / tokens]),
    });
    const part = float32Of(result);
    for (let i = 0; i < part.length; i++) sum[i] = (sum[i] as number) + (part[i] as number);
  }
}

/**
 * Adds the column sums of a matrix to `sum`.
 * @param sum  [n], changed in place
 * @param a  [tokens, n]
 */
export function addColumnSums(sum: Float64Array, a: Float32Array): void {
  const width = sum.length;
  for (let at = 0; at < a.length; at += width) {
    for (let i = 0; i < width; i++) sum[i] = (sum[i] as number) + (a[at + i] as number);
  }
}

/** Sum of squares, float64. */
export function energyOf(a: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) ** 2;
  return sum;
}

function crossGraph(): Uint8Array {
  const graph = new GraphBuilder('cross');
  const a = graph.input('a', 'float32', ['tokens', 'n']);
  const b = graph.input('b', 'float32', ['tokens', 'm']);
  const product = graph.op('MatMul', [graph.op('Transpose', [a], { perm: [1n, 0n] }), b]);
  graph.output('sum', product, 'float32', ['n', 'm']);
  return graph.build();
}
