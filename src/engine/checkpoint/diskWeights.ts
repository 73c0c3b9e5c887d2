import { assembleLayer, assembleOnce, type TensorLookup } from './assembleWeights.ts';
import { contentHash } from './contentHash.ts';
import { readTensors } from './loadWeights.ts';
import type { LayerWeights } from './modelWeights.ts';
import type { ModelShape } from '../model/modelShape.ts';
import type { Checkpoint } from './openCheckpoint.ts';
import { keptWhenMade, type OnceWeights, type WeightSource } from './weightSource.ts';

/**
 * A checkpoint whose blocks are read when they are asked for, as float32 in the layout of
 * `ModelWeights`, whatever type they are stored in.
 *
 * Memory: the blocks that are not released, what is outside the blocks once it was asked for, and two
 * pieces of at most 4 MB while a tensor is read.
 */
export class DiskWeights implements WeightSource {
  readonly isHeld = false;
  readonly shape: ModelShape;
  readonly #checkpoint: Checkpoint;
  readonly #blocks = new Map<number, Promise<LayerWeights>>();
  #once: Promise<OnceWeights> | undefined;
  #key: Promise<string> | undefined;

  /** @param checkpoint  an opened checkpoint, whose files must stay as they are */
  constructor(checkpoint: Checkpoint) {
    this.#checkpoint = checkpoint;
    this.shape = checkpoint.shape;
  }

  block(index: number): Promise<LayerWeights> {
    const known = this.#blocks.get(index);
    if (known !== undefined) return known;
    const block = keptWhenMade(this.#read(index), () => {
      this.release(index);
    });
    this.#blocks.set(index, block);
    return block;
  }

  release(index: number): void {
    this.#blocks.delete(index);
  }

  once(): Promise<OnceWeights> {
    this.#once ??= keptWhenMade(this.#readOnce(), () => (this.#once = undefined));
    return this.#once;
  }

  key(signal?: AbortSignal): Promise<string> {
    const hash = (): Promise<string> => contentHash(this.#checkpoint, signal);
    this.#key ??= keptWhenMade(hash(), () => (this.#key = undefined));
    return this.#key;
  }

  async #read(index: number): Promise<LayerWeights> {
    return assembleLayer(this.shape, index, await this.#tensorsOf(index));
  }

  async #readOnce(): Promise<OnceWeights> {
    return assembleOnce(this.shape, await this.#tensorsOf(null));
  }

  #tensorsOf(layer: number | null): Promise<TensorLookup> {
    const own = this.#checkpoint.tensors.filter(({ spec }) => spec.layer === layer);
    return readTensors(this.#checkpoint, own);
  }
}
