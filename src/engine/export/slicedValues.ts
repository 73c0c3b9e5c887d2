import { tensorOf } from '../checkpoint/assembleWeights.ts';
import type { LayerWeights } from '../checkpoint/modelWeights.ts';
import type { SlicedTensor } from '../checkpoint/slicedTensors.ts';
import { rowWidth } from '../checkpoint/storedParts.ts';
import { transposeRows } from '../checkpoint/transpose.ts';
import type { OnceWeights, WeightSource } from '../checkpoint/weightSource.ts';
import { gatherRows } from '../graphs/keptRows.ts';

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
