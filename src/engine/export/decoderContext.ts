import { familyNamed } from '../checkpoint/families/registry.ts';
import type { Family } from '../checkpoint/families/family.ts';
import { emitNormOf, emitProjection } from '../graphs/emit.ts';
import {
  type Attention,
  blockOf,
  type LinearName,
  mapOf,
  type Norm,
  type NormName,
  normsOf,
  qkUnitsOf,
  type Rotary,
} from '../model/block.ts';
import { embeddingWidthOf, type ModelShape } from '../model/modelShape.ts';
import type { LayerWeights, Linear, NormWeights } from '../checkpoint/modelWeights.ts';
import type { OnceWeights, WeightSource } from '../checkpoint/weightSource.ts';
import { arrayName, tensorName } from '../checkpoint/tensorTable.ts';
import type { GraphBuilder, Value } from '../onnx/graphBuilder.ts';
import { RotaryEmitter } from './decoderRotary.ts';
import { emitIntegerMap, type IntegerMaps } from './integerMap.ts';
import type { WeightPlan, WeightValues } from './weightPlan.ts';

/** How a norm computes, and its weights. */
export interface StoredNorm {
  readonly norm: Norm;
  readonly weights: NormWeights;
}

/** Both, where a block has the norm. */
export function storedNorm(norm: Norm | null, weights: NormWeights | null): StoredNorm | null {
  return norm === null || weights === null ? null : { norm, weights };
}

/** Gives what a decoder stores of a map of a block. */
export type MapSlice = (layer: LayerWeights) => Linear;

/** What a {@link DecoderContext} is made of besides its graph. */
export interface DecoderParts {
  /** Token ids, int64 [B, T]. */
  readonly ids: Value;
  /** The linear maps as integers; null: as floats. */
  readonly integers: IntegerMaps | null;
  /** Gives the blocks again when their weights are written. */
  readonly blocks: WeightSource;
}

/** Added to the score of a later token; its exponential is exactly zero. */
const MASKED = -1e9;

/**
 * What the parts of a decoder graph share: sizes known only at run time, the causal mask, rotation
 * tables, and the small patterns that turn weights into nodes.
 *
 * Shared values are emitted on first use, because what no node reads may not be declared.
 */
export class DecoderContext {
  readonly graph: GraphBuilder;
  readonly shape: ModelShape;
  readonly #plan: WeightPlan;
  readonly #family: Family;
  readonly #ids: Value;
  readonly #integers: IntegerMaps | null;
  readonly #blocks: WeightSource;
  #layer: LayerWeights | undefined;
  readonly #once = new Map<string, Value>();
  #firstPast: Value | undefined;
  readonly #rotary = new Map<Rotary, RotaryEmitter>();

  constructor(graph: GraphBuilder, plan: WeightPlan, { ids, integers, blocks }: DecoderParts) {
    const { shape } = blocks;
    this.graph = graph;
    this.shape = shape;
    this.#blocks = blocks;
    this.#plan = plan;
    this.#family = familyNamed(shape.family);
    this.#ids = ids;
    this.#integers = integers;
  }

  /** Comes to a block, whose weights are asked for from now on. */
  enter(layer: LayerWeights): void {
    this.#layer = layer;
  }

  /** The shape [B, T, ...rest] as a tensor. */
  dims(...rest: readonly number[]): Value {
    return this.#memo(`dims:${rest.join()}`, () =>
      this.graph.op('Concat', [this.#idsShape(), this.graph.ints(rest)], { axis: 0n }),
    );
  }

  /** The shape [B, ...rest] as a tensor. */
  batchDims(...rest: readonly number[]): Value {
    const batch = this.#memo('batch', () =>
      this.graph.op('Slice', [this.#idsShape(), this.graph.ints([0]), this.graph.ints([1])]),
    );
    return this.#memo(`batchDims:${rest.join()}`, () =>
      this.graph.op('Concat', [batch, this.graph.ints(rest)], { axis: 0n }),
    );
  }

  /** Declares a block's cache input [B, P, width]. */
  past(layer: number, kind: 'key' | 'value', width: number): Value {
    return this.graph.input(`past_${layer}_${kind}`, 'float32', ['batch', 'past', width]);
  }

  /**
   * Says which cache the past length is read from; without any, it becomes an input of its own.
   */
  readPastFrom(cache: Value): void {
    this.#firstPast ??= cache;
  }

  /** Positions of this step's tokens, int64 [T]: past length + index. */
  positions(): Value {
    return this.#memo('positions', () =>
      this.graph.op('Range', [this.#past(), this.#total(), this.graph.ints(1)]),
    );
  }

  /**
   * Additive causal mask [T, S]: 0 where a token may look, a large negative number elsewhere.
   * @param window  tokens it sees, itself included; null for all before it
   */
  causal(window: number | null = null): Value {
    return this.#memo(`causal:${window}`, () => {
      const { graph } = this;
      const float = (value: Value): Value => graph.op('Cast', [value], { to: 1n });
      const keys = float(graph.op('Range', [graph.ints(0), this.#total(), graph.ints(1)]));
      const queries = graph.op('Reshape', [float(this.positions()), graph.ints([-1, 1])]);
      // How far a key lies ahead of a query, cut to 0 … 1: no comparison operator is needed.
      const ahead = graph.op('Sub', [keys, queries]);
      const cut = (value: Value): Value =>
        graph.op('Clip', [value, graph.floats(0), graph.floats(1)]);
      const later = cut(ahead);
      if (window === null) return graph.op('Mul', [later, graph.floats(MASKED)]);
      // As far behind as the window is long, or farther.
      const behind = graph.op('Sub', [graph.floats(1 - window), ahead]);
      return graph.op('Mul', [graph.op('Add', [later, cut(behind)]), graph.floats(MASKED)]);
    });
  }

  /** Rotation tables of blocks that turn alike; null for those that do not turn at all. */
  rotary(attention: Attention): RotaryEmitter | null {
    const { rotary } = attention;
    if (rotary?.inverseFrequencies.some((frequency) => frequency !== 0) !== true) return null;
    let emitter = this.#rotary.get(rotary);
    if (emitter === undefined) {
      const name = this.#rotary.size === 0 ? 'rope' : `rope${this.#rotary.size}`;
      const { maxPositions } = this.shape;
      const tables = { name, rotary, maxPositions, still: qkUnitsOf(attention).singles > 0 };
      const total = (): Value => this.#total();
      emitter = new RotaryEmitter(this.graph, this.#plan, tables, this.positions(), total);
      this.#rotary.set(rotary, emitter);
    }
    return emitter;
  }

  /** Emits a norm over the last axis of a value; the value itself where there is no norm. */
  norm(
    slot: NormName | 'finalNorm',
    layer: number | null,
    stored: StoredNorm | null,
    x: Value,
  ): Value {
    if (stored === null) return x;
    const { norm, weights } = stored;
    const dims = [weights.gain.length];
    const gain = this.#plan.add(this.#name(`${slot}.gain`, layer), dims, () => weights.gain);
    const { shift } = weights;
    if (shift === null) return emitNormOf(this.graph, norm, x, { gain, shift });
    const name = this.#name(`${slot}.shift`, layer);
    const added = this.#plan.add(name, dims, () => shift);
    return emitNormOf(this.graph, norm, x, { gain, shift: added });
  }

  /** Emits a norm of a block; the value itself where the block has none. */
  blockNorm(name: NormName, index: number, layer: LayerWeights, x: Value): Value {
    return this.norm(name, index, storedNorm(normsOf(layer.block)[name], layer[name]), x);
  }

  /** Emits the map between the embedding table or the head and the stream; x itself without one. */
  between(slot: 'projectIn' | 'projectOut', { [slot]: weight }: OnceWeights, x: Value): Value {
    if (weight === null) return x;
    const [width, { hidden }] = [embeddingWidthOf(this.shape), this.shape];
    const dims = slot === 'projectIn' ? [hidden, width] : [width, hidden];
    const stored = this.#plan.add(this.#name(slot, null), dims, () => weight);
    return emitProjection(this.graph, x, stored, null);
  }

  /**
   * Emits `x · Wᵀ + b` for a sliced W [rows, H].
   * @param slice  gives the weights, now or when they are written
   * @param spread  stored row of every row used, −1 for zeros; null: the rows as they are stored
   */
  projection(
    slot: LinearName,
    layer: number,
    rows: number,
    x: Value,
    slice: MapSlice,
    spread: readonly number[] | null = null,
  ): Value {
    const biased = this.#isBiased(slot, layer);
    const bias = (): Value => this.#spread(this.#bias(slot, layer, rows, slice), [rows], spread);
    const product = this.#integerMap(slot, layer, x, spread);
    if (product !== null) return biased ? this.graph.op('Add', [product, bias()]) : product;
    const weight = this.#weight(`${slot}.weight`, layer, rows, slice);
    const inputs = [x, this.#spread(weight, [rows, this.shape.hidden], spread)];
    if (biased) inputs.push(bias());
    return this.graph.op('Gemm', inputs, { transB: 1n });
  }

  /**
   * Emits `x + after(z · W + b)` for a sliced W [rows, H] of o or down; without a norm after it, the
   * residual is Gemm's addend.
   * @param spread  as for {@link projection}
   */
  residual(
    slot: 'o' | 'down',
    layer: number,
    rows: number,
    x: Value,
    z: Value,
    slice: MapSlice,
    spread: readonly number[] | null = null,
    after: StoredNorm | null = null,
  ): Value {
    const addend = after === null ? [x] : [];
    const floats = (): Value => {
      // The matrix is transposed against the checkpoint's tensor of that name.
      const name = `${slot}.weight` as const;
      const stored = this.#weight(name, layer, rows, slice, '.transposed');
      const weight = this.#spread(stored, [rows, this.shape.hidden], spread);
      return this.graph.op('Gemm', [z, weight, ...addend]);
    };
    // Integers of o hold the zeros that pad its inputs: half a byte cannot be moved by a Gather.
    const product = this.#integerMap(slot, layer, z, null);
    const whole = (): Value => (after === null ? this.graph.op('Add', [product!, x]) : product!);
    const y = product === null ? floats() : whole();
    const biased = this.#isBiased(slot, layer)
      ? this.graph.op('Add', [y, this.#bias(slot, layer, this.shape.hidden, slice)])
      : y;
    if (after === null) return biased;
    const name = slot === 'o' ? 'attentionAfterNorm' : 'mlpAfterNorm';
    return this.graph.op('Add', [x, this.norm(name, layer, after, biased)]);
  }

  /** Emits a map from its integers; null where it is stored as floats. */
  #integerMap(
    slot: LinearName,
    layer: number,
    x: Value,
    spread: readonly number[] | null,
  ): Value | null {
    const weight = this.#integers?.layers[layer]?.[slot];
    if (weight === undefined) return null;
    const name = arrayName(this.#family, `${slot}.weight`, layer);
    const { accuracy } = this.#integers!;
    return emitIntegerMap(this.graph, this.#plan, { name, weight, accuracy, spread }, x);
  }

  /**
   * Rows of a stored weight or bias with rows of zeros between them. All inputs are constants, so
   * the runtime does this once, when it loads the model; what is stored stays exact.
   */
  #spread(stored: Value, dims: readonly number[], spread: readonly number[] | null): Value {
    if (spread === null) return stored;
    const [rows = 0, ...rest] = dims;
    const zero = this.#memo(`zero:${rest.join()}`, () => {
      const size = rest.reduce((product, dim) => product * dim, 1);
      return this.graph.initializer(
        `zero_row_${rest.length}`,
        'float32',
        [1, ...rest],
        new Float32Array(size),
      );
    });
    const padded = this.graph.op('Concat', [stored, zero], { axis: 0n });
    const index = this.graph.ints(spread.map((row) => (row < 0 ? rows : row)));
    return this.graph.op('Gather', [padded, index], { axis: 0n });
  }

  #weight(
    slot: `${LinearName}.weight`,
    layer: number,
    rows: number,
    slice: MapSlice,
    suffix = '',
  ): Value {
    const name = `${arrayName(this.#family, slot, layer)}${suffix}`;
    const dims = [rows, this.shape.hidden];
    const values = this.#values(layer, (from) => slice(from).weight);
    return this.#plan.add(this.#name(slot, layer), dims, values, name);
  }

  #bias(slot: LinearName, layer: number, size: number, slice: MapSlice): Value {
    const name = arrayName(this.#family, `${slot}.bias`, layer);
    const values = this.#values(layer, (from) => slice(from).bias!);
    return this.#plan.add(this.#name(`${slot}.bias`, layer), [size], values, name);
  }

  /** Of the block that the context has entered; later it is asked for again. */
  #values(index: number, of: (layer: LayerWeights) => Float32Array): WeightValues {
    return {
      now: () => of(this.#layer!),
      later: async () => of(await this.#blocks.block(index)),
    };
  }

  #isBiased(slot: LinearName, layer: number): boolean {
    return mapOf(blockOf(this.shape, layer), slot)!.bias;
  }

  #name(slot: Parameters<typeof tensorName>[1], layer: number | null): string {
    return tensorName(this.#family, slot, layer);
  }

  #idsShape(): Value {
    return this.#memo('idsShape', () => this.graph.op('Shape', [this.#ids]));
  }

  /** Past length P, a scalar. */
  #past(): Value {
    return this.#memo('past', () => {
      const { graph } = this;
      if (this.#firstPast === undefined) {
        const length = graph.input('past_length', 'int64', [1]);
        return graph.op('Gather', [length, graph.ints(0)], { axis: 0n });
      }
      const shape = graph.op('Shape', [this.#firstPast]);
      return graph.op('Gather', [shape, graph.ints(1)], { axis: 0n });
    });
  }

  /** Total length S = P + T, a scalar. */
  #total(): Value {
    return this.#memo('total', () => {
      const time = this.graph.op('Gather', [this.#idsShape(), this.graph.ints(1)], { axis: 0n });
      return this.graph.op('Add', [this.#past(), time]);
    });
  }

  #memo(key: string, make: () => Value): Value {
    let value = this.#once.get(key);
    if (value === undefined) {
      value = make();
      this.#once.set(key, value);
    }
    return value;
  }
}
