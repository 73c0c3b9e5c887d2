import { tensorOf } from '../checkpoint/assembleWeights.ts';
import type { Family, LayerSlot, RowRange, Slot } from '../checkpoint/families/family.ts';
import { type Block, blockOf, type LinearName, type SublayerKind } from '../model/block.ts';
import type { ModelShape } from '../model/modelShape.ts';
import { rowsOf } from '../model/rows.ts';
import type { LayerWeights } from '../checkpoint/modelWeights.ts';
import type { OnceWeights, WeightSource } from '../checkpoint/weightSource.ts';
import {
  rowCount,
  rowWidth,
  type StoredPart,
  type StoredTensor,
} from '../checkpoint/storedParts.ts';
import { tensorName, tensorTable, type TensorSpec } from '../checkpoint/tensorTable.ts';
import { transposeRows } from '../checkpoint/transpose.ts';
import { gatherRows } from '../graphs/keptRows.ts';
import { isPresent, type LayerMask, type Subnet } from '../model/subnet.ts';

/** A tensor of a sliced checkpoint and what it holds of the dense one. */
export interface SlicedTensor extends StoredTensor {
  /** The dense tensor; its name may be of another block, see `name`. */
  readonly spec: TensorSpec;
  /** Hugging Face's name in the sliced checkpoint. */
  readonly name: string;
  /** Dimensions in the sliced checkpoint. */
  readonly dims: readonly number[];
  readonly transposed: boolean;
  /** Kept rows of each array in OUR layout, where the prunable dimension is the first. */
  readonly parts: readonly StoredPart[];
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
    const { layer, transposed } = spec;
    if (layer === null) return [{ ...spec, spec }];
    const parts: StoredPart[] = [];
    for (const { slot, rows } of spec.parts) {
      const kept = rowsOfLayer[layer]!(slot);
      if (kept === 'removed') return [];
      const isWhole = spec.parts.length === 1;
      parts.push({ slot, rows: kept === null ? rows : isWhole ? kept : within(kept, rows) });
    }
    const dims = [...spec.dims];
    dims[transposed ? 1 : 0] = parts.reduce((sum, part) => sum + rowCount(part), 0);
    const name = tensorName(family, parts[0]!.slot, blockNumber(layer));
    return [{ spec, name, dims, transposed, parts }];
  });
}

/** Kept rows that are among neighbouring ones. */
function within(kept: Uint32Array, { from, count }: RowRange): Uint32Array {
  return kept.filter((row) => row >= from && row < from + count);
}

/**
 * The values of a sliced tensor as its file holds them, row-major.
 * @param weights  keeps the tensor's block; see `blockByBlock`
 * @returns  the model's own array where nothing is sliced or transposed: read only
 */
export async function slicedValues(
  weights: WeightSource,
  tensor: SlicedTensor,
): Promise<Float32Array> {
  const { layer } = tensor.spec;
  const owner = layer === null ? await weights.once() : await weights.block(layer);
  return valuesIn(owner, tensor);
}

function valuesIn(owner: LayerWeights | OnceWeights, tensor: SlicedTensor): Float32Array {
  const { spec, dims, transposed, parts } = tensor;
  const width = rowWidth(tensor);
  const pieces = parts.map(({ slot, rows }) => {
    const data = tensorOf(owner, slot);
    if (data === null) throw new RangeError(`The model has no weights for ${spec.name}.`);
    if (!('count' in rows)) return gatherRows(data, width, rows);
    return data.subarray(rows.from * width, (rows.from + rows.count) * width);
  });
  if (!transposed && pieces.length === 1) return pieces[0]!;
  const all = new Float32Array(dims.reduce((product, dim) => product * dim, 1));
  let done = 0;
  for (const piece of pieces) {
    const rows = piece.length / width;
    const place = { target: all, firstRow: done / width, targetCols: dims[1]! };
    if (transposed) transposeRows(piece, rows, width, place);
    else all.set(piece, done);
    done += piece.length;
  }
  return all;
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
