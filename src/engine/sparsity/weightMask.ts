import { EngineError } from '../../protocol/errors.ts';

/**
 * Which entries of a weight stay: one bit per entry, set where it is kept.
 *
 * Rows lie one after the other, each filled up to a whole byte: entry [row, column] is bit
 * `column & 7` of byte `row · bytesPerRow + (column >> 3)`. Spare bits are 0.
 */
export interface WeightMask {
  readonly rows: number;
  readonly columns: number;
  /** [rows · ⌈columns / 8⌉] */
  readonly bits: Uint8Array;
}

/** Bytes of one row of a mask. */
export function bytesPerRow(columns: number): number {
  return (columns + 7) >> 3;
}

/** A mask that keeps nothing, to be filled in. */
export function emptyMask(rows: number, columns: number): WeightMask {
  return { rows, columns, bits: new Uint8Array(rows * bytesPerRow(columns)) };
}

/** A mask that keeps everything. */
export function fullMask(rows: number, columns: number): WeightMask {
  const mask = emptyMask(rows, columns);
  const flags = new Uint8Array(columns).fill(1);
  for (let row = 0; row < rows; row++) setRow(mask, row, flags);
  return mask;
}

/** True when an entry stays. */
export function isKept(mask: WeightMask, row: number, column: number): boolean {
  const byte = mask.bits[row * bytesPerRow(mask.columns) + (column >> 3)]!;
  return ((byte >> (column & 7)) & 1) === 1;
}

/**
 * Writes one row of a mask.
 * @param flags  0 or 1 per column, at least [columns]
 * @param from  first flag of the row
 */
export function setRow(mask: WeightMask, row: number, flags: Uint8Array, from = 0): void {
  const { columns, bits } = mask;
  let at = row * bytesPerRow(columns);
  const whole = columns & ~7;
  for (let c = from; c < from + whole; c += 8) {
    bits[at++] =
      flags[c]! |
      (flags[c + 1]! << 1) |
      (flags[c + 2]! << 2) |
      (flags[c + 3]! << 3) |
      (flags[c + 4]! << 4) |
      (flags[c + 5]! << 5) |
      (flags[c + 6]! << 6) |
      (flags[c + 7]! << 7);
  }
  let last = 0;
  for (let c = whole; c < columns; c++) last |= flags[from + c]! << (c - whole);
  if (whole < columns) bits[at] = last;
}

/** Number of entries that stay. */
export function countKept(mask: WeightMask): number {
  let count = 0;
  for (let i = 0; i < mask.bits.length; i++) {
    let byte = mask.bits[i]!;
    byte -= (byte >> 1) & 0x55;
    byte = (byte & 0x33) + ((byte >> 2) & 0x33);
    count += (byte + (byte >> 4)) & 0x0f;
  }
  return count;
}

/**
 * A copy of a weight with zeros where the mask does not keep.
 * @param weight  [rows, columns], row-major
 * @throws EngineError `shape` when the sizes differ
 */
export function masked(weight: Float32Array, mask: WeightMask): Float32Array {
  const { rows, columns, bits } = mask;
  if (weight.length !== rows * columns) {
    throw new EngineError('shape', {
      what: 'A weight mask',
      expected: `a weight of ${rows} × ${columns}`,
      found: `${weight.length} entries`,
      action: 'Use the mask with the weight it was made for.',
      sentence: `A weight mask of ${rows} × ${columns} was given a weight of ${weight.length} entries.`,
    });
  }
  // Bits are cut, not numbers multiplied: no test per weight, and no negative zeros.
  const from = new Int32Array(weight.buffer, weight.byteOffset, weight.length);
  const to = new Int32Array(weight.length);
  const stride = bytesPerRow(columns);
  for (let row = 0; row < rows; row++) {
    let at = row * columns;
    for (let byte = row * stride; byte < (row + 1) * stride; byte++) {
      const flags = bits[byte]!;
      const end = Math.min(at + 8, (row + 1) * columns);
      for (let bit = 0; at < end; at++, bit++) to[at] = from[at]! & -((flags >> bit) & 1);
    }
  }
  return new Float32Array(to.buffer);
}
