import { embeddingWidthOf, type ModelShape } from '../model/modelShape.ts';
import type { LayerWeights, Linear, NormWeights } from '../checkpoint/modelWeights.ts';
import { arraysIn, onFailure, type OnceWeights } from '../checkpoint/weightSource.ts';
import { type Runtime, type Tensor, tensorOf } from '../runtime/runtime.ts';
import type { LayerMask } from '../model/subnet.ts';
import type { AttentionRows } from './keptRows.ts';
import { gatherRows, ZERO_ROW } from './keptRows.ts';
import type { Scratch } from './scratch.ts';

/** Named tensors of a graph. */
export type Feeds = Record<string, Tensor>;

/** Feeds being made, and the memory that gathered rows go to. */
interface Draft {
  readonly feeds: Feeds;
  readonly scratch: Scratch;
}

/**
 * Turns weights and kept rows into graph feeds.
 *
 * On the CPU kept rows are gathered into scratch memory (views where they are one run): one
 * sublayer's worth at a time, so evaluating a subnet needs no second copy of the model. On a GPU the
 * full weights are uploaded once and stay until they are forgotten; only the row indices travel.
 */
export class SublayerFeeds {
  readonly #runtime: Runtime;
  readonly #shape: ModelShape;
  /** What the device holds, by the array it was made of, which it does not keep alive. */
  #resident = new WeakMap<Float32Array, Promise<Tensor>>();
  readonly #uploaded = new Set<Promise<Tensor>>();

  constructor(runtime: Runtime, shape: ModelShape) {
    this.#runtime = runtime;
    this.#shape = shape;
  }

  /**
   * Feeds of the attention weights, biases and norm of a block.
   * @param scratch  holds the gathered rows, which are valid until it is given back
   */
  async attention(layer: LayerWeights, rows: AttentionRows, scratch: Scratch): Promise<Feeds> {
    const draft = {
      feeds: {
        ...normFeeds('norm', layer.attentionNorm),
        ...normFeeds('q_norm', layer.qNorm),
        ...normFeeds('k_norm', layer.kNorm),
        ...normFeeds('after', layer.attentionAfterNorm),
      },
      scratch,
    };
    await this.#linear(draft, 'q', layer.q, rows.q, 'q_index');
    await this.#linear(draft, 'k', layer.k, rows.k, 'k_index');
    await this.#linear(draft, 'v', layer.v, rows.v, 'v_index');
    await this.#output(draft, 'o', layer.o, rows.o, 'o_index');
    return draft.feeds;
  }

  /** Feeds of the MLP weights, biases and norm of a block; `scratch` as in {@link attention}. */
  async mlp(layer: LayerWeights, mask: LayerMask, scratch: Scratch): Promise<Feeds> {
    const norms = {
      ...normFeeds('norm', layer.mlpNorm),
      ...normFeeds('after', layer.mlpAfterNorm),
    };
    const draft = { feeds: norms, scratch };
    if (layer.gate !== null) await this.#linear(draft, 'gate', layer.gate, mask.mlp, 'neurons');
    await this.#linear(draft, 'up', layer.up, mask.mlp, 'neurons');
    await this.#output(draft, 'down', layer.down, mask.mlp, 'neurons');
    return draft.feeds;
  }

  /** Feeds of what is between the last block and the logits. */
  async head({ head, finalNorm, projectOut }: OnceWeights): Promise<Feeds> {
    const { hidden } = this.#shape;
    return {
      head: await this.matrix(head, embeddingWidthOf(this.#shape)),
      ...normFeeds('norm', finalNorm),
      ...(projectOut === null ? {} : { project_out: await this.matrix(projectOut, hidden) }),
    };
  }

  /** A whole matrix [rows, width], uploaded once on a GPU (the output head). */
  matrix(data: Float32Array, width: number): Promise<Tensor> {
    if (!this.#runtime.onDevice) {
      return Promise.resolve(tensorOf(data, [data.length / width, width]));
    }
    return this.#upload(data, width, 0);
  }

  /**
   * Frees what the device holds of some weights; the next user uploads them again.
   * @param owner  a block, maps of it, or a whole model; all weights when absent
   */
  async forget(owner?: object): Promise<void> {
    const known = owner === undefined ? [...this.#uploaded] : this.#take(owner);
    if (owner === undefined) this.#resident = new WeakMap();
    for (const tensor of known) {
      this.#uploaded.delete(tensor);
      this.#runtime.discard(await tensor);
    }
  }

  /** What the device holds of some weights, which from now on it is not known to hold. */
  #take(owner: object): Promise<Tensor>[] {
    return [...arraysIn(owner)].flatMap(([, data]) => {
      const tensor = this.#resident.get(data);
      this.#resident.delete(data);
      return tensor === undefined ? [] : [tensor];
    });
  }

  async #linear(
    draft: Draft,
    name: string,
    linear: Linear,
    rows: Int32Array | Uint32Array,
    index: string,
  ): Promise<void> {
    await this.#rows(draft, name, linear.weight, this.#shape.hidden, rows, index);
    if (linear.bias !== null) {
      draft.feeds[`${name}_bias`] = this.#runtime.onDevice
        ? await this.#upload(linear.bias, 1, 1)
        : tensorOf(gatherRows(linear.bias, 1, rows), [rows.length]);
    }
  }

  /** o and down: rows are input features, the bias belongs to the residual and is never sliced. */
  async #output(
    draft: Draft,
    name: string,
    linear: Linear,
    rows: Int32Array | Uint32Array,
    index: string,
  ): Promise<void> {
    await this.#rows(draft, name, linear.weight, this.#shape.hidden, rows, index);
    if (linear.bias !== null) {
      draft.feeds[`${name}_bias`] = tensorOf(linear.bias, [this.#shape.hidden]);
    }
  }

  async #rows(
    draft: Draft,
    name: string,
    data: Float32Array,
    width: number,
    rows: Int32Array | Uint32Array,
    index: string,
  ): Promise<void> {
    const { feeds, scratch } = draft;
    if (!this.#runtime.onDevice) {
      const gathered = gatherRows(data, width, rows, (length) => scratch.take(length));
      feeds[name] = tensorOf(gathered, [rows.length, width]);
      return;
    }
    feeds[name] = await this.#upload(data, width, 1);
    const zero = data.length / width;
    feeds[index] ??= tensorOf(
      BigInt64Array.from(rows, (row) => BigInt(row === ZERO_ROW ? zero : row)),
      [rows.length],
    );
  }

  /** Uploads a matrix with `zeroRows` rows of zeros at its end, once. */
  #upload(data: Float32Array, width: number, zeroRows: number): Promise<Tensor> {
    let tensor = this.#resident.get(data);
    if (tensor === undefined) {
      const padded = new Float32Array(data.length + zeroRows * width);
      padded.set(data);
      const uploading = this.#runtime.upload(tensorOf(padded, [padded.length / width, width]));
      tensor = onFailure(uploading, () => {
        this.#resident.delete(data);
        this.#uploaded.delete(uploading);
      });
      this.#resident.set(data, tensor);
      this.#uploaded.add(tensor);
    }
    return tensor;
  }
}

/** The inputs of a norm: its gain, and its shift where it has one. */
export function normFeeds(name: string, norm: NormWeights | null): Feeds {
  if (norm === null) return {};
  const { gain, shift } = norm;
  return {
    [`${name}_gain`]: tensorOf(gain, [gain.length]),
    ...(shift === null ? {} : { [`${name}_shift`]: tensorOf(shift, [shift.length]) }),
  };
}
