/** Side of the squares a transposition goes through, elements: two of them fit the L1 cache. */
const BLOCK = 32;

/**
 * The transpose of a matrix, e.g. `o` and `down` between our layout and the checkpoint's.
 *
 * @param data  row-major [rows, cols], read only
 * @param rows  number of rows
 * @param cols  number of columns
 * @returns row-major [cols, rows], a new array
 */
export function transpose(data: Float32Array, rows: number, cols: number): Float32Array {
  const result = new Float32Array(rows * cols);
  transposeRows(data, rows, cols, { target: result, firstRow: 0, targetCols: rows });
  return result;
}

/**
 * Writes some rows of a matrix as columns of its transpose.
 *
 * @param data   row-major [rows, cols], read only
 * @param rows   number of rows given
 * @param cols   number of columns
 * @param place  `target` [cols, targetCols], written; `firstRow` is the column of the first row;
 *   `columns`: only so many columns from one on, and which rows of the target they become
 */
export function transposeRows(
  data: Float32Array,
  rows: number,
  cols: number,
  place: {
    readonly target: Float32Array;
    readonly firstRow: number;
    readonly targetCols: number;
    readonly columns?: {
      readonly from: number;
      readonly count: number;
      readonly rowOf: (i: number) => number;
    };
  },
): void {
  const { target, firstRow, targetCols } = place;
  const { from, count, rowOf } = place.columns ?? { from: 0, count: cols, rowOf: (i) => i };
  for (let colBlock = 0; colBlock < count; colBlock += BLOCK) {
    const colEnd = Math.min(colBlock + BLOCK, count);
    for (let rowBlock = 0; rowBlock < rows; rowBlock += BLOCK) {
      const rowEnd = Math.min(rowBlock + BLOCK, rows);
      for (let col = colBlock; col < colEnd; col++) {
        const column = rowOf(col) * targetCols + firstRow;
        for (let row = rowBlock; row < rowEnd; row++) {
          target[column + row] = data[row * cols + from + col]!;
        }
      }
    }
  }
}
