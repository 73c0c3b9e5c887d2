import { createHash, type Hash } from 'node:crypto';
import { blockOf, type LinearName } from '../model/block.ts';
import type { ModelShape } from '../model/modelShape.ts';
import type { LayerWeights, Linear, NormWeights } from './modelWeights.ts';

/** Tensors that a model has once, float32. */
export interface OnceWeights {
  /** [V, E] */
  readonly embedding: Float32Array;
  /** Map from rows of the table to the stream, [H, E]; null where they are as wide. */
  readonly projectIn: Float32Array | null;
  /** Learned position table [rows, H]; null under RoPE. */
  readonly positionTable: Float32Array | null;
  /** Null where the head reads the stream as it is. */
  readonly finalNorm: NormWeights | null;
  /** Map from the stream to what the head reads, [E, H]; null where they are as wide. */
  readonly projectOut: Float32Array | null;
  /** [V, E]; the same array as `embedding` when tied. */
  readonly head: Float32Array;
}

/**
 * The weights of a model, one block at a time: in memory, read from disk when asked, or a base with
 * changes on top. Arrays are shared, never written to: a changed model is another source.
 */
export interface WeightSource {
  readonly shape: ModelShape;
  /**
   * True where blocks stay in memory whether they are released or not: what a device made of them
   * may stay, too.
   */
  readonly isHeld: boolean;
  /**
   * The weights of a block, which stay in memory until they are released.
   * @throws EngineError `checkpoint` when they cannot be read
   */
  block(index: number): Promise<LayerWeights>;
  /** Lets go of a block's memory where the source can give the block again. */
  release(index: number): void;
  /** Everything outside the blocks; stays in memory. @throws EngineError as {@link block} */
  once(): Promise<OnceWeights>;
  /**
   * A hash of all weights, hex, worked out when it is first asked for: equal keys mean equal weights.
   * @throws EngineError `checkpoint`, `cancelled`
   */
  key(signal?: AbortSignal): Promise<string>;
}

/**
 * The blocks of a model with their indices, in order. Each is released when the next one is asked for,
 * and the last one however the loop over them ends.
 */
export async function* eachBlock(
  weights: WeightSource,
  from = 0,
): AsyncGenerator<readonly [index: number, layer: LayerWeights], void> {
  for (let index = from; index < weights.shape.layers; index++) {
    try {
      yield [index, await weights.block(index)];
    } finally {
      weights.release(index);
    }
  }
}

/**
 * Works on a model tensor by tensor: a block stays until another one is asked for, so that it is not
 * read again for each of its tensors, and the last one until the work ends.
 */
export async function blockByBlock<T>(
  weights: WeightSource,
  work: (blocks: WeightSource) => Promise<T>,
): Promise<T> {
  let present: number | null = null;
  const leave = (): void => {
    if (present !== null) weights.release(present);
  };
  const block = (index: number): Promise<LayerWeights> => {
    if (index !== present) leave();
    present = index;
    return weights.block(index);
  };
  const { shape, isHeld } = weights;
  const rest = { release: leave, once: () => weights.once(), key: () => weights.key() };
  try {
    return await work({ shape, isHeld, block, ...rest });
  } finally {
    leave();
  }
}

/** Changed maps of one block, whole. */
export type MapChanges = Readonly<Partial<Record<LinearName, Linear>>>;

/** Changed maps by the index of their block. */
export type BlockChanges = ReadonlyMap<number, MapChanges>;

/**
 * A model with other maps on top. What is not changed is the base's, and is not copied.
 *
 * Memory: the changed maps, which stay.
 */
export class ChangedWeights implements WeightSource {
  readonly base: WeightSource;
  readonly changes: BlockChanges;
  readonly shape: ModelShape;
  #key: Promise<string> | undefined;

  /**
   * @param shape  where it is another than the base's: the changes then have the biases that it adds
   */
  constructor(base: WeightSource, changes: BlockChanges, shape: ModelShape = base.shape) {
    this.base = base;
    this.changes = changes;
    this.shape = shape;
  }

  get isHeld(): boolean {
    return this.base.isHeld;
  }

  async block(index: number): Promise<LayerWeights> {
    const layer = await this.base.block(index);
    const changes = this.changes.get(index);
    const isReshaped = this.shape !== this.base.shape;
    if (changes === undefined && !isReshaped) return layer;
    const block = isReshaped ? blockOf(this.shape, index) : layer.block;
    return { ...layer, ...changes, block };
  }

  release(index: number): void {
    this.base.release(index);
  }

  once(): Promise<OnceWeights> {
    return this.base.once();
  }

  key(signal?: AbortSignal): Promise<string> {
    this.#key ??= keptWhenMade(this.#keyOf(signal), () => (this.#key = undefined));
    return this.#key;
  }

  async #keyOf(signal: AbortSignal | undefined): Promise<string> {
    const hash = createHash('sha256').update(`changed\n${await this.base.key(signal)}\n`);
    if (this.shape !== this.base.shape) hash.update(`${JSON.stringify(this.shape)}\n`);
    addArrays(hash, this.changes);
    return hash.digest('hex');
  }
}

/**
 * A model with changes on top; the model itself where there are none.
 * @param changes  of blocks without a changed map nothing is kept
 */
export function withChanges(base: WeightSource, changes: BlockChanges): WeightSource {
  const made = [...changes].filter(([, maps]) => Object.keys(maps).length > 0);
  return made.length === 0 ? base : new ChangedWeights(base, new Map(made));
}

/**
 * The maps in which a model differs from one that it was made from, by block.
 * @throws RangeError  when it was not made from that one
 */
export function changedSince(
  weights: WeightSource,
  base: WeightSource,
): ReadonlyMap<number, ReadonlySet<LinearName>> {
  const found = new Map<number, Set<LinearName>>();
  let at = weights;
  while (at !== base) {
    if (!(at instanceof ChangedWeights)) throw new RangeError('The model has another base.');
    for (const [index, maps] of at.changes) {
      const known = found.get(index) ?? new Set();
      for (const name of Object.keys(maps)) known.add(name as LinearName);
      found.set(index, known);
    }
    at = at.base;
  }
  return found;
}

/**
 * All arrays of a model or of a part of it, with their places in it, in the order of their names.
 * @param owner  arrays, objects of them, maps of objects, and nulls; whatever else it has is passed over
 */
export function* arraysIn(
  owner: object,
  path = '',
): Generator<readonly [place: string, data: Float32Array]> {
  const entries: [string | number, unknown][] =
    owner instanceof Map
      ? [...(owner as Map<number, unknown>)].sort(([a], [b]) => a - b)
      : Object.entries(owner).sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [name, value] of entries) {
    const place = `${path}.${name}`;
    if (value instanceof Float32Array) yield [place, value];
    else if (isOwner(name, value)) yield* arraysIn(value, place);
  }
}

/** A block's description and a model's shape hold no weights. */
function isOwner(name: string | number, value: unknown): value is object {
  return typeof value === 'object' && value !== null && name !== 'block' && name !== 'shape';
}

/** Adds the places, lengths and values of all arrays of an owner to a hash. */
export function addArrays(hash: Hash, owner: object): void {
  for (const [place, data] of arraysIn(owner)) {
    hash.update(`${place} ${data.length}\n`);
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
}

/** A promise, with a word when it fails, so that whoever asks next tries again. */
export function keptWhenMade<T>(made: Promise<T>, onFailure: () => void): Promise<T> {
  made.catch(onFailure);
  return made;
}
