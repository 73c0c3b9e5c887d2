import { EigenvalueDecomposition, Matrix as DenseMatrix } from 'ml-matrix';
import type { Matrix } from './matrix.ts';

/** Eigenvalues of a symmetric matrix, largest first, and their vectors. */
export interface SymmetricEigen {
  /** [n], descending. */
  readonly values: Float64Array;
  /** Row i is the unit vector of value i, [n, n]; its largest component is positive. */
  readonly vectors: Matrix;
}

/**
 * Eigenvalues and eigenvectors of a small symmetric matrix. For a few hundred rows: n³ steps of plain
 * JavaScript.
 * @param matrix  [n, n], symmetric; read only
 */
export function symmetricEigen({ data, rows }: Matrix): SymmetricEigen {
  const dense = DenseMatrix.from1DArray(rows, rows, data);
  const found = new EigenvalueDecomposition(dense, { assumeSymmetric: true });
  const values = found.realEigenvalues;
  const order = [...values.keys()].sort((a, b) => values[b]! - values[a]! || a - b);
  const vectors = new Float64Array(rows * rows);
  for (const [row, column] of order.entries()) {
    const vector = found.eigenvectorMatrix.getColumn(column);
    const largest = vector.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a), 0);
    vector.forEach((value, i) => {
      vectors[row * rows + i] = largest < 0 ? -value : value;
    });
  }
  return {
    values: Float64Array.from(order, (at) => values[at]!),
    vectors: { data: vectors, rows, columns: rows },
  };
}
