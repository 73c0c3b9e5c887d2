import type { WeightSource } from '../checkpoint/weightSource.ts';
import type { LinearName } from '../model/block.ts';
import type { BlockFormat } from './blockFormat.ts';
import type { PackedWeight } from './packedWeight.ts';

/**
 * Stored rows of each map in the order a decoder has them; −1 stands for a row of zeros, which only
 * o may have.
 */
export type MapRows = Readonly<Record<LinearName, Int32Array>>;

/** Integer weights of a block's maps; a removed sublayer has none. */
export type PackedLayer = Readonly<Partial<Record<LinearName, PackedWeight>>>;

/** A model whose linear maps are integers. */
export interface QuantisedModel {
  readonly format: BlockFormat;
  /** The model that the integers stand for. */
  readonly weights: WeightSource;
  readonly layers: readonly PackedLayer[];
}
