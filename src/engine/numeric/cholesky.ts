/**
 * Factors a symmetric positive definite matrix in plain JavaScript, row by row.
 *
 * The obvious algorithm: one dot product of two contiguous rows per entry. It is the yardstick of
 * the benchmark and an oracle of the tests; the engine itself factors with `Solver`.
 * @param a  row-major [n, n], float64; its lower triangle is overwritten with L (A = L·Lᵀ), the
 *   strict upper triangle is neither read nor written
 * @param n  order of the matrix
 * @returns  −1, or the first row whose pivot is not positive (a is then half overwritten)
 */
export function choleskyInPlace(a: Float64Array, n: number): number {
  for (let i = 0; i < n; i++) {
    const rowI = i * n;
    for (let j = 0; j < i; j++) {
      const rowJ = j * n;
      let sum = a[rowI + j]!;
      for (let k = 0; k < j; k++) sum -= a[rowI + k]! * a[rowJ + k]!;
      a[rowI + j] = sum / a[rowJ + j]!;
    }
    let pivot = a[rowI + i]!;
    for (let k = 0; k < i; k++) pivot -= a[rowI + k]! ** 2;
    if (!(pivot > 0)) return i;
    a[rowI + i] = Math.sqrt(pivot);
  }
  return -1;
}

/**
 * Solves A·X = B in plain JavaScript from the factor of {@link choleskyInPlace}.
 * @param l  row-major [n, n]; only its lower triangle is read
 * @param n  order of the matrix
 * @param b  right-hand sides, row-major [n, columns]; overwritten with X
 * @param columns  number of right-hand sides
 */
export function solveCholesky(l: Float64Array, n: number, b: Float64Array, columns: number): void {
  solveLower(l, n, b, columns);
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) subtractRow(b, i, k, l[k * n + i]!, columns);
    divideRow(b, i, l[i * n + i]!, columns);
  }
}

/**
 * Solves L·X = B in plain JavaScript. Parameters as {@link solveCholesky}.
 */
export function solveLower(l: Float64Array, n: number, b: Float64Array, columns: number): void {
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) subtractRow(b, i, k, l[i * n + k]!, columns);
    divideRow(b, i, l[i * n + i]!, columns);
  }
}

/** b[to] −= factor · b[from], rows of a [?, columns] matrix. */
function subtractRow(
  b: Float64Array,
  to: number,
  from: number,
  factor: number,
  columns: number,
): void {
  const target = to * columns;
  const source = from * columns;
  for (let c = 0; c < columns; c++) b[target + c]! -= factor * b[source + c]!;
}

function divideRow(b: Float64Array, row: number, divisor: number, columns: number): void {
  const scale = 1 / divisor;
  const start = row * columns;
  for (let c = 0; c < columns; c++) b[start + c]! *= scale;
}
