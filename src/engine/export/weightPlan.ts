import { bytesPerElement, encodeFloats, type StoredDtype } from '../checkpoint/storedFloats.ts';
import type { ElementType, GraphBuilder, Value } from '../onnx/graphBuilder.ts';
import { dtypeOf, type Storage } from './storage.ts';

/** A tensor that goes into the data file of an ONNX model. */
export type PlannedTensor = {
  readonly name: string;
  /** Bytes from the start of the data file, a multiple of {@link ALIGNMENT}. */
  readonly offset: number;
  readonly elements: number;
} & StoredValues;

/** How a tensor is stored, and what gives its values when their turn to be written comes. */
export type StoredValues =
  | { readonly dtype: StoredDtype; readonly values: () => Float32Array | Promise<Float32Array> }
  | { readonly dtype: 'U8'; readonly values: () => Uint8Array };

/** Gives the values of a weight. */
export interface WeightValues {
  /** While the graph is built: those of small weights are put into it at once. */
  readonly now: () => Float32Array;
  /** When the data file is written. */
  readonly later: () => Promise<Float32Array>;
}

/** Start of every external tensor: a page, so that runtimes can map it into memory. */
export const ALIGNMENT = 4096;

/** Tensors under a page go into the model file: in the data file their padding would outweigh them. */
const INLINE_BELOW_BYTES = ALIGNMENT;

const ELEMENT_TYPES: Readonly<Record<PlannedTensor['dtype'], ElementType>> = {
  U8: 'uint8',
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
};

/** ONNX's number of float32, the target of every Cast. */
const FLOAT32 = 1n;

/**
 * Declares weights as initializers of a graph and plans where their bytes go.
 *
 * Values are asked for only when the file is written, one tensor at a time, so exporting a model
 * needs no second copy of it.
 */
export class WeightPlan {
  readonly #graph: GraphBuilder;
  readonly #location: string;
  readonly #storage: Storage;
  readonly #tensors: PlannedTensor[] = [];
  #end = 0;

  /**
   * @param location  name of the data file beside the model
   * @param storage  how weights are stored; half types are cast to float32 in the graph
   */
  constructor(graph: GraphBuilder, location: string, storage: Storage) {
    this.#graph = graph;
    this.#location = location;
    this.#storage = storage;
  }

  /** Tensors of the data file in the order of their bytes. */
  get tensors(): readonly PlannedTensor[] {
    return this.#tensors;
  }

  /** Bytes of the data file. */
  get bytes(): number {
    return this.#end;
  }

  /** A weight as a float32 value of the graph. @param tensor  its name in the source model */
  add(
    tensor: string,
    dims: readonly number[],
    values: WeightValues | (() => Float32Array),
    name: string = tensor,
  ): Value {
    return this.#floats(name, dims, values, dtypeOf(this.#storage, tensor));
  }

  /** Bytes as they are, e.g. the codes of integers. */
  bytesOf(name: string, dims: readonly number[], values: () => Uint8Array): Value {
    return this.#declare(name, dims, { dtype: 'U8', values }, values);
  }

  /** Values that bfloat16 holds exactly, whatever the weights are stored in; float32 in the graph. */
  scales(name: string, dims: readonly number[], values: () => Float32Array): Value {
    return this.#floats(name, dims, values, 'BF16');
  }

  /** A table of the graph's own, always float32. */
  table(name: string, dims: readonly number[], values: Float32Array): Value {
    return this.#floats(name, dims, () => values, 'F32');
  }

  #floats(
    name: string,
    dims: readonly number[],
    values: WeightValues | (() => Float32Array),
    dtype: StoredDtype,
  ): Value {
    const { now, later } = typeof values === 'function' ? { now: values, later: values } : values;
    const stored = this.#declare(name, dims, { dtype, values: later }, now);
    if (dtype === 'F32') return stored;
    return this.#graph.op('Cast', [stored], { to: FLOAT32 });
  }

  #declare(
    name: string,
    dims: readonly number[],
    stored: StoredValues,
    now: () => Float32Array | Uint8Array,
  ): Value {
    const elements = dims.reduce((product, dim) => product * dim, 1);
    const length = elements * elementBytes(stored.dtype);
    const type = ELEMENT_TYPES[stored.dtype];
    if (length < INLINE_BELOW_BYTES) {
      const bytes = new Uint8Array(length);
      if (stored.dtype === 'U8') bytes.set(now());
      else encodeFloats(stored.dtype, (now() as Float32Array).slice(), bytes);
      return this.#graph.initializer(name, type, dims, bytes);
    }
    const offset = Math.ceil(this.#end / ALIGNMENT) * ALIGNMENT;
    this.#tensors.push({ name, offset, elements, ...stored });
    this.#end = offset + length;
    return this.#graph.external(name, type, dims, { location: this.#location, offset, length });
  }
}

/** Bytes of one stored element. */
export function elementBytes(dtype: PlannedTensor['dtype']): number {
  return dtype === 'U8' ? 1 : bytesPerElement(dtype);
}
