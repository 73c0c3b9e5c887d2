/**
 * Forms in which the `compressed-tensors` library keeps a matrix without its zeros.
 *
 * `sparse-bitmask`: the values that are not zero, row after row, and a bit per entry that says where
 * they were. `sparse-24-bitmask`: exactly two of every four neighbours of a row, so that any block of
 * rows and columns can be cut out without counting.
 */
export type BitmaskForm = 'sparse-bitmask' | 'sparse-24-bitmask';

/** A matrix without its zeros. */
export interface PackedMatrix {
  /** Kept values, row after row. */
  readonly values: Float32Array;
  /** [rows, ⌈columns / 8⌉], lowest bit first; spare bits are 0. */
  readonly bits: Uint8Array;
  /** Number of values before each row, [rows]. */
  readonly rowOffsets: BigInt64Array;
}

/** Neighbours of the stricter form, and how many of them are kept. */
const GROUP = 4;
const KEPT = 2;

/** Bits set in every half byte. */
const BITS_SET = Uint8Array.of(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);

/** A half byte of two zeros or fewer kept values, filled up to exactly two with the lowest bits. */
const FILLED = Uint8Array.from({ length: 16 }, (_, flags) => {
  let filled = flags;
  for (let bit = 0; bit < GROUP && BITS_SET[filled]! < KEPT; bit++) filled |= 1 << bit;
  return filled;
});

/** Bytes of one row of bits. */
export function bitmaskStride(columns: number): number {
  return Math.ceil(columns / 8);
}

/**
 * Takes the zeros out of a matrix. Negative zeros are zeros: they come back positive.
 *
 * @param values  [rows, columns], row-major, as they will be stored: rounding may make zeros
 * @throws RangeError  when the stricter form is asked for and a group has more than two values, or
 *   rows are no whole number of groups: the caller has looked before
 * @source compressed-tensors 0.14, formats sparse-bitmask and sparse-24-bitmask
 */
export function packMatrix(
  form: BitmaskForm,
  values: Float32Array,
  rows: number,
  columns: number,
): PackedMatrix {
  const stride = bitmaskStride(columns);
  const bits = nonzeroBits(values, rows, columns);
  if (form === 'sparse-24-bitmask') fillGroups(bits, columns);
  const rowOffsets = new BigInt64Array(rows);
  let count = 0;
  for (let row = 0; row < rows; row++) {
    rowOffsets[row] = BigInt(count);
    count += countBits(bits, row * stride, (row + 1) * stride);
  }
  const kept = new Float32Array(count);
  let next = 0;
  for (let row = 0; row < rows; row++) {
    for (let c = 0; c < columns; c++) {
      const flag = (bits[row * stride + (c >> 3)]! >> (c & 7)) & 1;
      if (flag === 1) kept[next++] = values[row * columns + c]!;
    }
  }
  return { values: kept, bits, rowOffsets };
}

/**
 * Puts the zeros back into rows of a matrix.
 *
 * @param values  kept values of these rows, as many as bits are set
 * @param bits    of these rows; spare bits are 0
 * @returns  [rows, columns], row-major, a new array
 */
export function expandRows(
  values: Float32Array,
  bits: Uint8Array,
  rows: number,
  columns: number,
): Float32Array {
  const stride = bitmaskStride(columns);
  const result = new Float32Array(rows * columns);
  let next = 0;
  for (let row = 0; row < rows; row++) {
    for (let byte = 0; byte < stride; byte++) {
      const flags = bits[row * stride + byte]!;
      const at = row * columns + 8 * byte;
      for (let rest = flags; rest !== 0; rest &= rest - 1) {
        result[at + 31 - Math.clz32(rest & -rest)] = values[next++]!;
      }
    }
  }
  return result;
}

/**
 * Number of bits set.
 * @param from  first byte
 * @param to  byte after the last one
 */
export function countBits(bits: Uint8Array, from = 0, to = bits.length): number {
  let count = 0;
  for (let i = from; i < to; i++) count += BITS_SET[bits[i]! & 15]! + BITS_SET[bits[i]! >> 4]!;
  return count;
}

/**
 * The first row whose bits no packed matrix of a form has, or −1: bits beyond the last column, or,
 * in the stricter form, a group with another number than two.
 */
export function firstBadRow(
  form: BitmaskForm,
  bits: Uint8Array,
  rows: number,
  columns: number,
): number {
  const stride = bitmaskStride(columns);
  const groups = Math.floor(columns / GROUP);
  for (let row = 0; row < rows; row++) {
    const last = bits[(row + 1) * stride - 1] ?? 0;
    if (columns % 8 !== 0 && last >> (columns % 8) !== 0) return row;
    if (form === 'sparse-bitmask') continue;
    for (let group = 0; group < groups; group++) {
      const flags = (bits[row * stride + (group >> 1)]! >> (GROUP * (group & 1))) & 15;
      if (BITS_SET[flags] !== KEPT) return row;
    }
  }
  return -1;
}

function nonzeroBits(values: Float32Array, rows: number, columns: number): Uint8Array {
  if (values.length !== rows * columns) {
    throw new RangeError(`${values.length} values are no matrix of ${rows} × ${columns}.`);
  }
  const stride = bitmaskStride(columns);
  const bits = new Uint8Array(rows * stride);
  for (let row = 0; row < rows; row++) {
    for (let c = 0; c < columns; c++) {
      if (values[row * columns + c] !== 0) bits[row * stride + (c >> 3)]! |= 1 << (c & 7);
    }
  }
  return bits;
}

/** Keeps zeros too where a group has fewer than two values, so that all groups are alike. */
function fillGroups(bits: Uint8Array, columns: number): void {
  if (columns % GROUP !== 0) throw new RangeError(`${columns} columns are no whole groups of 4.`);
  const stride = bitmaskStride(columns);
  for (let i = 0; i < bits.length; i++) {
    const low = bits[i]! & 15;
    const high = bits[i]! >> 4;
    if (BITS_SET[low]! > KEPT || BITS_SET[high]! > KEPT) {
      throw new RangeError('A group of four has more than two values.');
    }
    const hasHigh = columns % 8 === 0 || (i + 1) % stride !== 0;
    bits[i] = FILLED[low]! | (hasHigh ? FILLED[high]! << 4 : 0);
  }
}
