import { tensorOf } from '../checkpoint/assembleWeights.ts';
import type { Family, LayerSlot, Slot } from '../checkpoint/families/family.ts';
import { type Block, blockOf, type LinearName, type SublayerKind } from '../model/block.ts';
import type { ModelShape } from '../model/modelShape.ts';
import { rowsOf } from '../model/rows.ts';
import type { ModelWeights } from '../checkpoint/modelWeights.ts';
import { tensorName, tensorTable, type TensorSpec } from '../checkpoint/tensorTable.ts';
import { transpose } from '../checkpoint/transpose.ts';
import { gatherRows } from '../graphs/keptRows.ts';
import { isPresent, type LayerMask, type Subnet } from '../model/subnet.ts';

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
  const rowsOfLayer = subnet.layers.map((mask, l) => slotRows(blockOf(shape, l), mask));
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
export function slotRows(block: Block, mask: LayerMask): (slot: Slot) => SlicedRows {
  const of = (kind: SublayerKind, rows: SlicedRows): SlicedRows =>
    isPresent(kind, mask) ? rows : 'removed';
  const map = (kind: SublayerKind, name: LinearName): SlicedRows =>
    of(kind, rowsOf(block, name, mask));
  const [q, k, v] = [map('attention', 'q'), map('attention', 'k'), map('attention', 'v')];
  const neurons = map('mlp', 'up');
  const rows: Readonly<Record<LayerSlot, SlicedRows>> = {
    'attentionNorm.gain': of('attention', null),
    'attentionNorm.shift': of('attention', null),
    'q.weight': q,
    'q.bias': q,
    'k.weight': k,
    'k.bias': k,
    'v.weight': v,
    'v.bias': v,
    'o.weight': map('attention', 'o'),
    'qNorm.gain': of('attention', null),
    'qNorm.shift': of('attention', null),
    'kNorm.gain': of('attention', null),
    'kNorm.shift': of('attention', null),
    'attentionAfterNorm.gain': of('attention', null),
    'attentionAfterNorm.shift': of('attention', null),
    // Norms behind a sublayer stay without it.
    'attentionBehindNorm.gain': null,
    'attentionBehindNorm.shift': null,
    // The biases of o and down belong to the residual stream.
    'o.bias': of('attention', null),
    'mlpNorm.gain': of('mlp', null),
    'mlpNorm.shift': of('mlp', null),
    'mlpAfterNorm.gain': of('mlp', null),
    'mlpAfterNorm.shift': of('mlp', null),
    'mlpBehindNorm.gain': null,
    'mlpBehindNorm.shift': null,
    'gate.weight': neurons,
    'gate.bias': neurons,
    'up.weight': neurons,
    'up.bias': neurons,
    'down.weight': map('mlp', 'down'),
    'down.bias': of('mlp', null),
  };
  return (slot) => {
    const kept = (rows as Readonly<Record<string, SlicedRows | undefined>>)[slot];
    if (kept === undefined) throw new RangeError(`No rule says what a mask keeps of ${slot}.`);
    return kept;
  };
}
