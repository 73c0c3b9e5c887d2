import type { RowRange, Slot } from './families/family.ts';
import { transposeRows } from './transpose.ts';

/** Rows of one of our arrays that a stored tensor has beside each other, in this order. */
export interface StoredPart {
  readonly slot: Slot;
  readonly rows: RowRange | Uint32Array;
}

/** How a stored tensor is made of our arrays. */
export interface StoredTensor {
  /** Dimensions in the file. */
  readonly dims: readonly number[];
  /** True when our rows are the columns of the stored matrix. */
  readonly transposed: boolean;
  /** In the order of the rows, or columns, of the stored tensor; together they are all of them. */
  readonly parts: readonly StoredPart[];
}

/** Number of rows of a part. */
export function rowCount({ rows }: StoredPart): number {
  return 'count' in rows ? rows.count : rows.length;
}

/** Values in a row of our arrays that a stored tensor holds: 1 for vectors. */
export function rowWidth({ dims, transposed }: Pick<StoredTensor, 'dims' | 'transposed'>): number {
  return dims.length === 1 ? 1 : dims[transposed ? 0 : 1]!;
}

/** Elements of each array of ours that a stored tensor of a dense model holds, by slot. */
export function slotSizes(tensor: StoredTensor): ReadonlyMap<Slot, number> {
  const sizes = new Map<Slot, number>();
  for (const part of tensor.parts) {
    sizes.set(part.slot, (sizes.get(part.slot) ?? 0) + rowCount(part) * rowWidth(tensor));
  }
  return sizes;
}

/**
 * Puts pieces of a stored tensor where they belong in our arrays.
 * @param tensor    what is stored, dense or sliced
 * @param targetOf  the whole array of a slot, written
 * @returns  takes pieces of whole stored rows, in any order
 */
export function scatterParts(
  tensor: StoredTensor,
  targetOf: (slot: Slot) => Float32Array,
): (values: Float32Array, firstElement: number) => void {
  const { dims, transposed } = tensor;
  const width = rowWidth(tensor);
  let end = 0;
  const places = tensor.parts.map((part) => {
    const count = rowCount(part);
    end += count;
    return { target: targetOf(part.slot), rows: part.rows, start: end - count, end };
  });
  if (transposed) {
    const columns = dims[1]!;
    return (values, first) => {
      const firstRow = first / columns;
      for (const { target, rows, start, end } of places) {
        const taken = { from: start, count: end - start, rowOf: rowsFrom(rows) };
        const place = { target, firstRow, targetCols: width, columns: taken };
        transposeRows(values, values.length / columns, columns, place);
      }
    };
  }
  return (values, first) => {
    const [from, to] = [first / width, (first + values.length) / width];
    for (const { target, rows, start, end } of places) {
      const [begin, stop] = [Math.max(from, start), Math.min(to, end)];
      const rowOf = rowsFrom(rows);
      // Neighbouring rows go over at once.
      const step = 'count' in rows ? Math.max(1, stop - begin) : 1;
      for (let row = begin; row < stop; row += step) {
        const piece = values.subarray((row - from) * width, (row - from + step) * width);
        target.set(piece, rowOf(row - start) * width);
      }
    }
  };
}

function rowsFrom(rows: StoredPart['rows']): (i: number) => number {
  return 'count' in rows ? (i) => rows.from + i : (i) => rows[i]!;
}
