import { EngineError } from '../../protocol/errors.ts';

/**
 * A dense float64 matrix, row-major and contiguous. `data` may be a view of a larger array; a
 * function that writes to it says so.
 */
export interface Matrix {
  /** [rows · columns] */
  readonly data: Float64Array;
  readonly rows: number;
  readonly columns: number;
}

/**
 * A matrix over `data`, which is not copied.
 * @param data  row-major [rows, columns]
 * @throws EngineError `shape` when the length of `data` is not rows · columns
 */
export function matrixOf(data: Float64Array, rows: number, columns: number): Matrix {
  if (data.length !== rows * columns) {
    throw new EngineError('shape', {
      what: 'A matrix',
      expected: `${rows * columns} entries for [${rows}, ${columns}]`,
      found: `${data.length}`,
      action: 'This is a bug in the engine; please report it.',
      sentence: `A matrix of ${rows} × ${columns} was given ${data.length} entries.`,
    });
  }
  return { data, rows, columns };
}

/** A new matrix of zeros, [rows, columns]. */
export function zeros(rows: number, columns: number): Matrix {
  return { data: new Float64Array(rows * columns), rows, columns };
}

/** A copy that shares nothing with `matrix`. */
export function copyOf(matrix: Matrix): Matrix {
  return { ...matrix, data: matrix.data.slice() };
}

/**
 * The rows `from` (inclusive) to `to` (exclusive) of a matrix, as a view of the same memory.
 * @returns  [to − from, columns]
 */
export function rowsOf(matrix: Matrix, from: number, to: number): Matrix {
  const { data, columns } = matrix;
  return { data: data.subarray(from * columns, to * columns), rows: to - from, columns };
}
