import type { Matrix } from './matrix.ts';

/** The diagonal of a square matrix, [n], a copy. */
export function diagonalOf(matrix: Matrix): Float64Array {
  const { data, rows, columns } = matrix;
  return Float64Array.from({ length: rows }, (_, i) => data[i * columns + i]!);
}

/** Mean of the diagonal of a square matrix; 0 for an empty one. */
export function meanDiagonal(matrix: Matrix): number {
  const { data, rows, columns } = matrix;
  let sum = 0;
  for (let i = 0; i < rows; i++) sum += data[i * columns + i]!;
  return rows === 0 ? 0 : sum / rows;
}

/**
 * Inner product of two matrices of one shape, Σ a·b: with b = G·a this is the energy of a under G.
 */
export function innerProduct(a: Matrix, b: Matrix): number {
  let sum = 0;
  for (let i = 0; i < a.data.length; i++) sum += a.data[i]! * b.data[i]!;
  return sum;
}
