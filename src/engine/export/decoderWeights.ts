import type { Family } from '../checkpoint/families/family.ts';
import { familyNamed } from '../checkpoint/families/registry.ts';
import type { LayerWeights, Linear, NormWeights } from '../checkpoint/modelWeights.ts';
import { arrayName, tensorName } from '../checkpoint/tensorTable.ts';
import type { OnceWeights, WeightSource } from '../checkpoint/weightSource.ts';
import { emitNormOf, emitProjection, emitUpdate } from '../graphs/emit.ts';
import { sliceLinear } from '../graphs/keptRows.ts';
import type { SublayerWeights } from '../graphs/sublayers.ts';
import {
  blockOf,
  finalNormOf,
  type LinearName,
  mapOf,
  type Norm,
  type NormName,
  normsOf,
} from '../model/block.ts';
import { embeddingWidthOf, type ModelShape } from '../model/modelShape.ts';
import { rowsOf } from '../model/rows.ts';
import type { LayerMask } from '../model/subnet.ts';
import type { GraphBuilder, Value } from '../onnx/graphBuilder.ts';
import { type HeadGroup, headOrder, spreadOf } from './headGroups.ts';
import { emitIntegerMap, type IntegerMaps } from './integerMap.ts';
import type { WeightPlan } from './weightPlan.ts';

/** What of a block a decoder stores. */
export interface StoredBlock {
  readonly index: number;
  readonly mask: LayerMask;
  readonly groups: readonly HeadGroup[];
}

/** A map as it is stored and as it is used. */
interface StoredMap {
  readonly map: LinearName;
  /** Block that it belongs to. */
  readonly index: number;
  /** Its rows in the source, in the order in which they are stored. */
  readonly rows: Uint32Array;
  /** Stored row of every row used, −1 for zeros; null: the rows as they are stored. */
  readonly spread: readonly number[] | null;
  readonly biased: boolean;
}

/** What {@link DecoderWeights} are made of besides graph and plan. */
export interface DecoderWeightParts {
  /** Gives the blocks again when their weights are written. */
  readonly blocks: WeightSource;
  readonly once: OnceWeights;
  /** The linear maps as integers; null: as floats. */
  readonly integers: IntegerMaps | null;
}

/** The weights of a decoder: stored in its files, with exact sizes, and declared when they are used. */
export class DecoderWeights {
  readonly #graph: GraphBuilder;
  readonly #plan: WeightPlan;
  readonly #parts: DecoderWeightParts;
  readonly #shape: ModelShape;
  readonly #family: Family;
  readonly #zeros = new Map<number, Value>();
  /** Held here and not by what is planned, so that a block is let go of with the next one. */
  #layer: LayerWeights | undefined;

  constructor(graph: GraphBuilder, plan: WeightPlan, parts: DecoderWeightParts) {
    this.#graph = graph;
    this.#plan = plan;
    this.#parts = parts;
    this.#shape = parts.blocks.shape;
    this.#family = familyNamed(this.#shape.family);
  }

  /** The embedding table [V, E]. A GPU without half precision cannot gather rows of a half table. */
  embedding(): Value {
    return this.#outside('embedding', this.#tableDims, this.#parts.once.embedding);
  }

  /** The output head [V, E], where it is a table of its own. */
  head(): Value {
    return this.#outside('head', this.#tableDims, this.#parts.once.head);
  }

  /** The table of learned positions [rows, H]. */
  positions(table: Float32Array): Value {
    const { hidden } = this.#shape;
    return this.#outside('positionTable', [table.length / hidden, hidden], table);
  }

  /** Emits the map between the embedding table or the head and the stream; x itself without one. */
  between(slot: 'projectIn' | 'projectOut', x: Value): Value {
    const weight = this.#parts.once[slot];
    if (weight === null) return x;
    const [width, { hidden }] = [embeddingWidthOf(this.#shape), this.#shape];
    const dims = slot === 'projectIn' ? [hidden, width] : [width, hidden];
    return emitProjection(this.#graph, x, this.#outside(slot, dims, weight), null);
  }

  /** Emits the norm in front of the head; x itself without one. */
  finalNorm(x: Value): Value {
    return this.#norm('finalNorm', null, finalNormOf(this.#shape), this.#parts.once.finalNorm, x);
  }

  /** The weights of a block, whose turn it is. */
  block(layer: LayerWeights, { index, mask, groups }: StoredBlock): SublayerWeights {
    const graph = this.#graph;
    this.#layer = layer;
    const block = blockOf(this.#shape, index);
    const order = headOrder(groups);
    const stored = (map: LinearName): StoredMap => ({
      ...{ map, index, rows: rowsOf(block, map, mask, order) },
      spread:
        map === 'gate' || map === 'up' || map === 'down' ? null : spreadOf(block, groups, map),
      biased: mapOf(block, map)!.bias,
    });
    const norm = (name: NormName, x: Value): Value =>
      this.#norm(name, index, normsOf(block)[name], this.#layer![name], x);
    return {
      norm,
      read: (kind, x) => norm(`${kind}Norm`, x),
      add: (stream, update) => graph.op('Add', [stream, update]),
      project: (map, x) => this.#projection(stored(map), x),
      end: (map, z, stream) => this.#end(stored(map), z, stream),
    };
  }

  /** Emits `x · Wᵀ + b`. */
  #projection(stored: StoredMap, x: Value): Value {
    const { rows, spread, biased } = stored;
    const bias = (): Value => this.#spread(this.#bias(stored, rows.length), [rows.length], spread);
    const product = this.#integerMap(stored, x);
    if (product !== null) return biased ? this.#graph.op('Add', [product, bias()]) : product;
    const dims = [rows.length, this.#shape.hidden];
    const weight = this.#spread(this.#weight(stored), dims, spread);
    return emitProjection(this.#graph, x, weight, biased ? bias() : null);
  }

  /** Emits `z · W + b`, and the stream on top: Gemm's addend, where the map is stored as floats. */
  #end(stored: StoredMap, z: Value, stream: Value | null): Value {
    const graph = this.#graph;
    const { rows, spread, biased } = stored;
    const { hidden } = this.#shape;
    const floats = (): Value => {
      // The matrix is transposed against the checkpoint's tensor of that name.
      const weight = this.#spread(
        this.#weight(stored, '.transposed'),
        [rows.length, hidden],
        spread,
      );
      return emitUpdate(graph, z, weight, stream);
    };
    // Integers of o hold the zeros that pad its inputs: half a byte cannot be moved by a Gather.
    const product = this.#integerMap({ ...stored, spread: null }, z);
    const whole = (): Value => (stream === null ? product! : graph.op('Add', [product!, stream]));
    const y = product === null ? floats() : whole();
    return biased ? graph.op('Add', [y, this.#bias(stored, hidden)]) : y;
  }

  /** Emits a map from its integers; null where it is stored as floats. */
  #integerMap({ map, index, spread }: StoredMap, x: Value): Value | null {
    const { integers } = this.#parts;
    const weight = integers?.layers[index]?.[map];
    if (weight === undefined) return null;
    const name = arrayName(this.#family, `${map}.weight`, index);
    const { accuracy } = integers!;
    return emitIntegerMap(this.#graph, this.#plan, { name, weight, accuracy, spread }, x);
  }

  #norm(
    slot: NormName | 'finalNorm',
    index: number | null,
    norm: Norm | null,
    weights: NormWeights | null,
    x: Value,
  ): Value {
    if (norm === null || weights === null) return x;
    const { gain, shift } = weights;
    const part = (name: 'gain' | 'shift', data: Float32Array): Value =>
      this.#plan.add(tensorName(this.#family, `${slot}.${name}`, index), [data.length], () => data);
    const stored = { gain: part('gain', gain), shift: shift && part('shift', shift) };
    return emitNormOf(this.#graph, norm, x, stored);
  }

  /**
   * Rows of a stored weight or bias with rows of zeros between them. All inputs are constants, so
   * the runtime does this once, when it loads the model; what is stored stays exact.
   */
  #spread(stored: Value, dims: readonly number[], spread: readonly number[] | null): Value {
    if (spread === null) return stored;
    const [rows = 0, ...rest] = dims;
    const padded = this.#graph.op('Concat', [stored, this.#zeroRow(rest)], { axis: 0n });
    const index = this.#graph.ints(spread.map((row) => (row < 0 ? rows : row)));
    return this.#graph.op('Gather', [padded, index], { axis: 0n });
  }

  /** A row of zeros of a weight [1, H] or of a bias [1]. */
  #zeroRow(rest: readonly number[]): Value {
    const known = this.#zeros.get(rest.length);
    if (known !== undefined) return known;
    const zeros = new Float32Array(rest.reduce((product, dim) => product * dim, 1));
    const name = `zero_row_${rest.length}`;
    const made = this.#graph.initializer(name, 'float32', [1, ...rest], zeros);
    this.#zeros.set(rest.length, made);
    return made;
  }

  #weight({ map, index, rows }: StoredMap, suffix = ''): Value {
    const name = `${arrayName(this.#family, `${map}.weight`, index)}${suffix}`;
    const dims = [rows.length, this.#shape.hidden];
    const tensor = tensorName(this.#family, `${map}.weight`, index);
    return this.#plan.add(
      tensor,
      dims,
      this.#values(index, this.#slice(map, rows), 'weight'),
      name,
    );
  }

  #bias({ map, index, rows }: StoredMap, size: number): Value {
    const name = arrayName(this.#family, `${map}.bias`, index);
    const tensor = tensorName(this.#family, `${map}.bias`, index);
    return this.#plan.add(
      tensor,
      [size],
      this.#values(index, this.#slice(map, rows), 'bias'),
      name,
    );
  }

  #slice(map: LinearName, rows: Uint32Array): (layer: LayerWeights) => Linear {
    return (layer) => sliceLinear(map, layer[map]!, this.#shape.hidden, rows);
  }

  /** Of the block whose turn it is; later it is asked for again. */
  #values(
    index: number,
    slice: (layer: LayerWeights) => Linear,
    part: 'weight' | 'bias',
  ): Exclude<Parameters<WeightPlan['add']>[2], () => unknown> {
    return {
      now: () => slice(this.#layer!)[part]!,
      later: async () => slice(await this.#parts.blocks.block(index))[part]!,
    };
  }

  #outside(
    slot: 'embedding' | 'head' | 'positionTable' | 'projectIn' | 'projectOut',
    dims: readonly number[],
    data: Float32Array,
  ): Value {
    return this.#plan.add(tensorName(this.#family, slot, null), dims, () => data);
  }

  get #tableDims(): readonly number[] {
    return [this.#shape.vocab, embeddingWidthOf(this.#shape)];
  }
}
