import { tensorOf } from '../checkpoint/assembleWeights.ts';
import type { Family, LayerSlot, Slot } from '../checkpoint/families/family.ts';
import type { ModelShape } from '../checkpoint/modelShape.ts';
import type { ModelWeights } from '../checkpoint/modelWeights.ts';
import { tensorName, tensorTable, type TensorSpec } from '../checkpoint/tensorTable.ts';
import { transpose } from '../checkpoint/transpose.ts';
import { gatherRows } from '../graphs/keptRows.ts';
import type { LayerMask, Subnet } from '../subnet/subnet.ts';
import { keptAttentionRows, keptHeads } from './sliceLayer.ts';

/** A tensor of a sliced checkpoint and what it holds of the dense one. */
export interface SlicedTensor {
  /** The dense tensor; its name may be of another block, see `name`. */
  readonly spec: TensorSpec;
  /** Hugging Face's name in the sliced checkpoint. */
  readonly name: string;
  /** Dimensions in the sliced checkpoint. */
  readonly dims: readonly number[];
  /** Kept rows in OUR layout, where the prunable dimension is the first; null: all of them. */
  readonly rows: Uint32Array | null;
}

/**
 * Every tensor that a sliced checkpoint holds: exact shapes, nothing of removed sublayers.
 * @param blockNumber  number a kept block has in the tensors' names
 */
export function slicedTensors(
  family: Family,
  shape: ModelShape,
  subnet: Subnet,
  blockNumber: (layer: number) => number = (layer) => layer,
): SlicedTensor[] {
  const rowsOfLayer = subnet.layers.map((mask) => slotRows(shape, mask));
  return tensorTable(family, shape).flatMap((spec): SlicedTensor[] => {
    const { layer, slot, transposed } = spec;
    if (layer === null) return [{ spec, name: spec.name, dims: spec.dims, rows: null }];
    const rows = rowsOfLayer[layer]!(slot);
    if (rows === 'removed') return [];
    const dims = [...spec.dims];
    if (rows !== null) dims[transposed ? 1 : 0] = rows.length;
    return [{ spec, name: tensorName(family, slot, blockNumber(layer)), dims, rows }];
  });
}

/**
 * The values of a sliced tensor as its file holds them, row-major.
 * @returns  the model's own array where nothing is sliced or transposed: read only
 */
export function slicedValues(weights: ModelWeights, tensor: SlicedTensor): Float32Array {
  const { spec, rows } = tensor;
  const { hidden } = weights.shape;
  const data = tensorOf(weights, spec.slot, spec.layer);
  if (data === null) throw new RangeError(`The model has no weights for ${spec.name}.`);
  const width = spec.dims.length === 1 ? 1 : hidden;
  const kept = rows === null ? data : gatherRows(data, width, rows);
  return spec.transposed ? transpose(kept, kept.length / hidden, hidden) : kept;
}

/** Rows that a block keeps of a tensor; null: all of them. */
export type SlicedRows = Uint32Array | null | 'removed';

/**
 * Rows that a block keeps of each of its tensors.
 * @returns  gives the rows of a slot; throws RangeError for one that no rule slices
 */
export function slotRows(shape: ModelShape, mask: LayerMask): (slot: Slot) => SlicedRows {
  const heads = keptHeads(shape, mask);
  const { q, k, v, o } = keptAttentionRows(shape, heads);
  const attention = (rows: SlicedRows): SlicedRows => (heads.length === 0 ? 'removed' : rows);
  const mlp = (rows: SlicedRows): SlicedRows => (mask.mlp.length === 0 ? 'removed' : rows);
  const neurons = mlp(mask.mlp);
  const rows: Readonly<Record<LayerSlot, SlicedRows>> = {
    'attentionNorm.gain': attention(null),
    'attentionNorm.shift': attention(null),
    'q.weight': attention(q),
    'q.bias': attention(q),
    'k.weight': attention(k),
    'k.bias': attention(k),
    'v.weight': attention(v),
    'v.bias': attention(v),
    'o.weight': attention(o),
    // The biases of o and down belong to the residual stream.
    'o.bias': attention(null),
    'mlpNorm.gain': mlp(null),
    'mlpNorm.shift': mlp(null),
    'gate.weight': neurons,
    'gate.bias': neurons,
    'up.weight': neurons,
    'up.bias': neurons,
    'down.weight': neurons,
    'down.bias': mlp(null),
  };
  return (slot) => {
    const kept = (rows as Readonly<Record<string, SlicedRows | undefined>>)[slot];
    if (kept === undefined) throw new RangeError(`No rule says what a mask keeps of ${slot}.`);
    return kept;
  };
}
