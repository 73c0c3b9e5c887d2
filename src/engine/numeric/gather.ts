import { type Matrix, zeros } from './matrix.ts';

/** Indices into rows or columns: any order, each in range. */
export type Indices = Uint32Array;

/**
 * The sub-matrix of some rows and columns, as of a Gram matrix: G[rows, columns].
 * @param matrix  [any, any]; read only
 * @returns  [rows.length, columns.length], fresh memory
 */
export function subMatrix(matrix: Matrix, rows: Indices, columns: Indices): Matrix {
  const out = zeros(rows.length, columns.length);
  let at = 0;
  for (const row of rows) {
    const start = row * matrix.columns;
    for (const column of columns) out.data[at++] = matrix.data[start + column]!;
  }
  return out;
}

/**
 * Some rows of a float32 or float64 matrix as float64: the kept rows of a prunable weight.
 * @param data  row-major [any, columns]; read only
 * @returns  [rows.length, columns], fresh memory
 */
export function gatherRows(
  data: Float32Array | Float64Array,
  columns: number,
  rows: Indices,
): Matrix {
  const out = zeros(rows.length, columns);
  let at = 0;
  for (const row of rows) {
    out.data.set(data.subarray(row * columns, (row + 1) * columns), at);
    at += columns;
  }
  return out;
}

/** Some entries of a vector, in the order of `indices`; fresh memory. */
export function gatherEntries(vector: Float64Array, indices: Indices): Float64Array {
  return Float64Array.from(indices, (index) => vector[index]!);
}

/**
 * The indices of 0 … n − 1 that are not in `kept`.
 * @param kept  distinct
 * @returns  ascending
 */
export function complementOf(kept: Indices, n: number): Uint32Array {
  const isKept = new Uint8Array(n);
  for (const index of kept) isKept[index] = 1;
  const out = new Uint32Array(n - kept.length);
  let at = 0;
  for (let index = 0; index < n; index++) if (isKept[index] === 0) out[at++] = index;
  return out;
}
