import type { ModelWeights } from '../checkpoint/modelWeights.ts';
import type { SublayerKind } from '../graphs/forwardPass.ts';
import type { LinearName } from '../sparsity/linearMaps.ts';
import type { LayerMask } from '../subnet/subnet.ts';
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
  readonly weights: ModelWeights;
  readonly layers: readonly PackedLayer[];
}

/** True when a mask keeps a sublayer, or a part of it. */
export function keepsAny(kind: SublayerKind, mask: LayerMask): boolean {
  return kind === 'mlp' ? mask.mlp.length > 0 : mask.heads.some(({ vo }) => vo.length > 0);
}
