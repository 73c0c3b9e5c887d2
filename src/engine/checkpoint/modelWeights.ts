import { createHash } from 'node:crypto';
import type { Block } from '../model/block.ts';
import type { ModelShape } from '../model/modelShape.ts';
import {
  addArrays,
  eachBlock,
  keptWhenMade,
  type OnceWeights,
  type WeightSource,
} from './weightSource.ts';

/**
 * A linear map whose PRUNABLE dimension is the first axis, so that keeping a unit is keeping a row.
 *
 * `weight` is row-major float32 [rows, H]. For q, k, v, gate and up a row is an output feature
 * (`y = x · Wᵀ + b`, b per row). For `o` and `down` the checkpoint's [H, in] matrix is stored
 * TRANSPOSED: a row is an input feature (`y = x · W + b`, b has H entries and is not sliced).
 */
export interface Linear {
  readonly weight: Float32Array;
  readonly bias: Float32Array | null;
}

/** Gain (and shift for LayerNorm) of a norm, [H] each. */
export interface NormWeights {
  readonly gain: Float32Array;
  readonly shift: Float32Array | null;
}

/** The weights of one block, float32. */
export interface LayerWeights {
  /** What the block computes with them. */
  readonly block: Block;
  /** Of what enters attention; null where it reads the stream as it is. */
  readonly attentionNorm: NormWeights | null;
  /** [A·D, H], rows grouped by query head. */
  readonly q: Linear;
  /** [G·D, H] */
  readonly k: Linear;
  /** [G·D, H] */
  readonly v: Linear;
  /** [A·D, H], transposed; rows grouped by query head. */
  readonly o: Linear;
  /** Of every query head, gain [D]; null where heads are not normalised. */
  readonly qNorm: NormWeights | null;
  /** Of every key head, gain [D]. */
  readonly kNorm: NormWeights | null;
  /** Of what attention adds to the stream; null where that is added as it is. */
  readonly attentionAfterNorm: NormWeights | null;
  /** Of the stream once attention was added; null where it goes on as it is. */
  readonly attentionBehindNorm: NormWeights | null;
  /** Of what enters the MLP. */
  readonly mlpNorm: NormWeights | null;
  /** [I, H]; null for a plain MLP. */
  readonly gate: Linear | null;
  /** [I, H]; fc1 of a plain MLP. */
  readonly up: Linear;
  /** [I, H], transposed; fc2 of a plain MLP. */
  readonly down: Linear;
  /** Of what the MLP adds to the stream. */
  readonly mlpAfterNorm: NormWeights | null;
  /** Of the stream once the MLP was added. */
  readonly mlpBehindNorm: NormWeights | null;
}

/** What a model in memory is made of. */
export interface ModelParts extends OnceWeights {
  readonly shape: ModelShape;
  readonly layers: readonly LayerWeights[];
}

/** A whole model in memory: all blocks are there at once. */
export class ModelWeights implements WeightSource, ModelParts {
  readonly shape: ModelShape;
  readonly embedding: Float32Array;
  readonly projectIn: Float32Array | null;
  readonly positionTable: Float32Array | null;
  readonly layers: readonly LayerWeights[];
  readonly finalNorm: NormWeights | null;
  readonly projectOut: Float32Array | null;
  readonly head: Float32Array;
  readonly isHeld = true;
  readonly #hash: KeyMaker | undefined;
  #key: Promise<string> | undefined;

  /**
   * @param parts  shared, not copied
   * @param hash  gives the model's key where its files have one; else its arrays are hashed
   */
  constructor(parts: ModelParts, hash?: KeyMaker) {
    this.shape = parts.shape;
    this.embedding = parts.embedding;
    this.projectIn = parts.projectIn;
    this.positionTable = parts.positionTable;
    this.layers = parts.layers;
    this.finalNorm = parts.finalNorm;
    this.projectOut = parts.projectOut;
    this.head = parts.head;
    this.#hash = hash;
  }

  block(index: number): Promise<LayerWeights> {
    return Promise.resolve(this.layers[index]!);
  }

  release(): void {
    // A model in memory gives nothing back: it could not give the block again.
  }

  once(): Promise<OnceWeights> {
    return Promise.resolve(this);
  }

  key(signal?: AbortSignal): Promise<string> {
    const make = this.#hash ?? (() => Promise.resolve(this.#hashOfArrays()));
    this.#key ??= keptWhenMade(make(signal), () => (this.#key = undefined));
    return this.#key;
  }

  #hashOfArrays(): string {
    const hash = createHash('sha256').update(`${JSON.stringify(this.shape)}\n`);
    addArrays(hash, this);
    return hash.digest('hex');
  }
}

/** Gives a key when it is asked for. */
export type KeyMaker = (signal?: AbortSignal) => Promise<string>;

/**
 * All of a model in memory at once.
 * @returns  the model itself where it already is
 * @throws EngineError `checkpoint` when a block cannot be read
 */
export async function inMemory(source: WeightSource): Promise<ModelWeights> {
  if (source instanceof ModelWeights) return source;
  const layers: LayerWeights[] = [];
  for await (const [, layer] of eachBlock(source)) layers.push(layer);
  const parts = { ...(await source.once()), shape: source.shape, layers };
  return new ModelWeights(parts, (signal) => source.key(signal));
}
