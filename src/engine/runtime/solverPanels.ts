import { factorBlock, invertLower } from '../numeric/diagonalBlock.ts';
import { type Matrix, rowsOf, zeros } from '../numeric/matrix.ts';
import type { SolverGemm } from './solverGemm.ts';

/** A block column of the Cholesky factor L. */
export interface Panel {
  /** First row and column of its diagonal block. */
  readonly start: number;
  /** Inverse of the diagonal block of L, [width, width], lower triangular. */
  readonly inverse: Matrix;
  /** L below the diagonal block, [n − start − width, width], contiguous. */
  readonly below: Matrix;
}

/** A pivot that cannot be: the matrix is not positive definite at this row. */
export interface FailedPivot {
  readonly row: number;
  readonly pivot: number;
}

/**
 * Width of a block column, columns: wide enough for native products to run near their full rate,
 * narrow enough that the diagonal blocks (JavaScript) take under a tenth of the time. Measured
 * best between 96 and 192 at every order from 256 to 4096; the wider one pays from about 3000 on.
 * A matrix of at most one block is factored in JavaScript alone, which is faster there.
 */
const BLOCK = 128;
const WIDE_BLOCK = 192;
const WIDE_FROM = 3072;

/** Rounding of float64; a pivot below n · this of its diagonal entry is noise, not a pivot. */
const UNIT = 2 ** -52;

/**
 * Factors G + ridge·I = L·Lᵀ by block columns, left-looking: each block column is updated by all
 * earlier ones in native products, then scaled by the inverse of its diagonal block.
 *
 * Memory: n²/2 entries for the result, n · 128 (from order 3072 on n · 192) for the column being worked on; G is only read.
 * @param gram  [n, n], symmetric; only its lower triangle is read
 * @param ridge  absolute, added to every diagonal entry
 * @returns  the block columns in order, or the first pivot that fails
 * @source RUNTIME section 4.2
 */
export async function factorPanels(
  gemm: SolverGemm,
  gram: Matrix,
  ridge: number,
  signal: AbortSignal | undefined,
): Promise<readonly Panel[] | FailedPivot> {
  const n = gram.rows;
  const block = Math.min(n, n < WIDE_FROM ? BLOCK : WIDE_BLOCK);
  const work = new Float64Array(n * block);
  const panels: Panel[] = [];
  for (let start = 0; start < n; start += block) {
    const width = Math.min(block, n - start);
    const rows = n - start;
    const column: Matrix = { data: work.subarray(0, rows * width), rows, columns: width };
    copyColumn(gram, start, column, ridge);
    const floors = pivotFloors(column, n);
    for (const earlier of panels) {
      const left = rowsOf(
        earlier.below,
        start - earlier.start - earlier.inverse.rows,
        earlier.below.rows,
      );
      await gemm.subtract(left, rowsOf(left, 0, width), column, signal, { b: true });
    }
    const diagonal = rowsOf(column, 0, width).data;
    const failed = factorBlock(diagonal, width, floors);
    if (failed >= 0) return { row: start + failed, pivot: diagonal[failed * width + failed]! };
    const inverse: Matrix = { data: invertLower(diagonal, width), rows: width, columns: width };
    const below = zeros(rows - width, width);
    if (below.rows > 0) {
      await gemm.multiply(rowsOf(column, width, rows), inverse, below, signal, { b: true });
    }
    panels.push({ start, inverse, below });
  }
  return panels;
}

/** Copies rows start… of the columns start…start + width of G, with the ridge on the diagonal. */
function copyColumn(gram: Matrix, start: number, column: Matrix, ridge: number): void {
  const n = gram.columns;
  const width = column.columns;
  for (let row = 0; row < column.rows; row++) {
    const source = (start + row) * n + start;
    const target = row * width;
    for (let c = 0; c < width; c++) column.data[target + c] = gram.data[source + c]!;
  }
  for (let c = 0; c < width; c++) column.data[c * width + c]! += ridge;
}

function pivotFloors(column: Matrix, n: number): Float64Array {
  const width = column.columns;
  return Float64Array.from(
    { length: width },
    (_, i) => n * UNIT * Math.max(0, column.data[i * width + i]!),
  );
}
