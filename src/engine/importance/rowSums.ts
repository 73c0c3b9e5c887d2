/**
 * Σ over columns of W²·scale: the energy of each row of a weight.
 * @param weight  row-major [rows, columns]; read only
 * @param scale  one factor per column, [columns]
 * @returns  [rows]
 */
export function squaredRowSums(
  weight: Float32Array | Float64Array,
  scale: Float64Array,
): Float64Array {
  const columns = scale.length;
  const sums = new Float64Array(weight.length / columns);
  for (let row = 0; row < sums.length; row++) {
    const start = row * columns;
    let sum = 0;
    for (let c = 0; c < columns; c++) sum += weight[start + c]! ** 2 * scale[c]!;
    sums[row] = sum;
  }
  return sums;
}

/**
 * Σ over columns of |W|·scale.
 * @param weight  row-major [rows, columns], float32; read only
 * @param scale  one factor per column, [columns]
 * @returns  [rows]
 */
export function absoluteRowSums(weight: Float32Array, scale: Float64Array): Float64Array {
  const columns = scale.length;
  const sums = new Float64Array(weight.length / columns);
  for (let row = 0; row < sums.length; row++) {
    const start = row * columns;
    let sum = 0;
    for (let c = 0; c < columns; c++) sum += Math.abs(weight[start + c]!) * scale[c]!;
    sums[row] = sum;
  }
  return sums;
}

/** A factor of one for each column. */
export function ones(columns: number): Float64Array {
  return new Float64Array(columns).fill(1);
}

/** a[i] · b[i]. */
export function products(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((value, i) => value * b[i]!);
}
