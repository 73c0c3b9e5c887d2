import { copyOf, type Matrix } from './matrix.ts';

/**
 * Second moments about the means: Σ (x − x̄)(y − ȳ)ᵀ from Σ x yᵀ.
 * @param moments  Σ x yᵀ, [n, m]; read only
 * @param left  Σ x, [n]
 * @param right  Σ y, [m]
 * @param tokens  number of rows summed, at least 1
 * @returns  [n, m], fresh memory; exactly symmetric when `moments` is and left equals right
 */
export function centredMoments(
  moments: Matrix,
  left: Float64Array,
  right: Float64Array,
  tokens: number,
): Matrix {
  const out = copyOf(moments);
  const { data, rows, columns } = out;
  for (let row = 0; row < rows; row++) {
    const at = row * columns;
    const sum = left[row]!;
    // The product comes before the division so that [i, j] and [j, i] round alike.
    for (let c = 0; c < columns; c++) data[at + c]! -= (sum * right[c]!) / tokens;
  }
  return out;
}

/** x · m for a row vector: Σ over rows of x[row] · m[row], [columns]. */
export function rowTimes(x: Float64Array, m: Matrix): Float64Array {
  const out = new Float64Array(m.columns);
  for (let row = 0; row < m.rows; row++) {
    const factor = x[row]!;
    const at = row * m.columns;
    for (let c = 0; c < m.columns; c++) out[c]! += factor * m.data[at + c]!;
  }
  return out;
}
