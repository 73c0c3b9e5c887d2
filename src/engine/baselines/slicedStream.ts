import type { WeightSource } from '../checkpoint/weightSource.ts';
import { eachBlock } from '../checkpoint/weightSource.ts';
import type { Runner } from '../graphs/runner.ts';
import type { Subnet } from '../model/subnet.ts';
import type { Tensor } from '../runtime/runtime.ts';

/** Gives the projection of the stream before sublayer 0 … 2L − 1, [H, H], symmetric. */
export type ProjectionAt = (
  sublayer: number,
  states: readonly Tensor[],
) => Promise<Float32Array> | Float32Array;

/**
 * Runs a model whose residual stream is projected onto some directions before every sublayer: what a
 * model computes whose stream has only these directions, in the coordinates of the whole one. An RMS
 * norm of the stream is the same in both, as long as both divide by the whole width.
 */
export class SlicedStream implements Pick<Runner, 'embed' | 'through' | 'release'> {
  readonly #forward: Runner;
  readonly #projectionAt: ProjectionAt;

  /** @param projectionAt  asked for each sublayer in order, with the stream that it is to project */
  constructor(forward: Runner, projectionAt: ProjectionAt) {
    this.#forward = forward;
    this.#projectionAt = projectionAt;
  }

  /** As {@link Runner.embed}; nothing is projected yet. */
  embed(weights: WeightSource, batches: readonly (readonly Uint32Array[])[]): Promise<Tensor[]> {
    return this.#forward.embed(weights, batches);
  }

  /**
   * As {@link Runner.through}, from the first block on; behind the last sublayer the stream is whole.
   * @throws EngineError `cancelled`, `device`, `checkpoint`
   */
  async through(
    weights: WeightSource,
    subnet: Subnet,
    states: readonly Tensor[],
    { signal }: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<readonly Tensor[]> {
    const forward = this.#forward;
    let current = states;
    const become = (next: readonly Tensor[]): void => {
      forward.release(current);
      current = next;
    };
    try {
      for await (const [l, layer] of eachBlock(weights)) {
        for (const [i, kind] of (['attention', 'mlp'] as const).entries()) {
          const projection = await this.#projectionAt(2 * l + i, current);
          become(await forward.project(current, projection, signal));
          become(await forward.sublayer(kind, layer, subnet.layers[l]!, current, { signal }));
        }
        if (!weights.isHeld) await forward.forget(layer);
      }
    } catch (error) {
      forward.release(current);
      throw error;
    }
    return current;
  }

  release(states: Iterable<Tensor>): void {
    this.#forward.release(states);
  }
}
