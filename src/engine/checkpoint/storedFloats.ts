/** Element types of weights that we write, by their safetensors names; the most exact first. */
export const storedDtypes = ['F32', 'F16', 'BF16'] as const;

/** One of {@link storedDtypes}. */
export type StoredDtype = (typeof storedDtypes)[number];

/** Element types of weights that we read; F64 becomes float32, as everywhere in the engine. */
export const readableDtypes = ['F64', ...storedDtypes] as const;

/** One of {@link readableDtypes}. */
export type ReadableDtype = (typeof readableDtypes)[number];

/**
 * Bytes of one stored element.
 *
 * @param dtype  how the elements are stored
 * @returns 8, 4 or 2
 */
export function bytesPerElement(dtype: ReadableDtype): number {
  if (dtype === 'F64') return 8;
  return dtype === 'F32' ? 4 : 2;
}

/** The type in which values of a type are stored again: F64 as F32, any other as itself. */
export function writableDtype(dtype: ReadableDtype): StoredDtype {
  return dtype === 'F64' ? 'F32' : dtype;
}

let halfTable: Float32Array | undefined;

/**
 * Turns stored little-endian elements into float32.
 *
 * @param dtype   how the elements are stored
 * @param bytes   the elements; its start must be aligned to the element size
 * @param target  where the values go, written; its length is the number of elements
 * @returns index of the first value that is NaN or infinite, or −1 when all are finite
 */
export function decodeFloats(
  dtype: ReadableDtype,
  bytes: Uint8Array,
  target: Float32Array,
): number {
  if (dtype === 'F64') {
    target.set(new Float64Array(bytes.buffer, bytes.byteOffset, target.length));
    return firstNonFinite(target);
  }
  const bits = new Uint32Array(target.buffer, target.byteOffset, target.length);
  if (dtype === 'F32') {
    bits.set(new Uint32Array(bytes.buffer, bytes.byteOffset, target.length));
    return firstNonFinite(target);
  }
  const source = new Uint16Array(bytes.buffer, bytes.byteOffset, target.length);
  if (dtype === 'BF16') {
    for (let i = 0; i < source.length; i++) bits[i] = source[i]! << 16;
  } else {
    // A table of all 65,536 values is four times as fast as taking the bits apart each time.
    const table = (halfTable ??= makeHalfTable());
    for (let i = 0; i < source.length; i++) target[i] = table[source[i]!]!;
  }
  return firstNonFinite(target);
}

/**
 * Rounds float32 values to stored little-endian elements, to nearest with ties to even.
 *
 * @param dtype   how to store them
 * @param values  finite values, read only
 * @param target  the bytes, written; aligned to the element size
 * @returns index of the first value too large for the type (it became infinite), or −1
 */
export function encodeFloats(dtype: StoredDtype, values: Float32Array, target: Uint8Array): number {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  if (dtype === 'F32') {
    new Uint32Array(target.buffer, target.byteOffset, values.length).set(bits);
    return firstNonFinite(values);
  }
  const out = new Uint16Array(target.buffer, target.byteOffset, values.length);
  const round = dtype === 'BF16' ? roundToBrain : roundToHalf;
  const exponent = dtype === 'BF16' ? 0x7f80 : 0x7c00;
  let bad = -1;
  for (let i = 0; i < bits.length; i++) {
    const stored = round(bits[i]!);
    out[i] = stored;
    if (bad < 0 && (stored & exponent) === exponent) bad = i;
  }
  return bad;
}

/**
 * Values as they are once stored and read again.
 *
 * @param dtype   how they are stored
 * @param values  read only; returned as they are when the type keeps every float32
 */
export function roundedTo(dtype: StoredDtype, values: Float32Array): Float32Array {
  if (dtype === 'F32') return values;
  const bytes = new Uint8Array(values.length * bytesPerElement(dtype));
  encodeFloats(dtype, values, bytes);
  const result = new Float32Array(values.length);
  decodeFloats(dtype, bytes, result);
  return result;
}

/** Upper half of a float32, rounded; a NaN stays one because its exponent cannot carry out. */
function roundToBrain(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return 0x7fc0;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

/** A float32's bits as a float16's. Subnormals are rounded on the grid of 2^−24. */
function roundToHalf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x47800000) return sign | 0x7c00; // 2^16 and above
  if (magnitude >= 0x38800000) {
    const rebiased = magnitude - 0x38000000;
    return sign | ((rebiased + 0xfff + ((rebiased >>> 13) & 1)) >>> 13);
  }
  if (magnitude <= 0x33000000) return sign; // 2^−25 ties to zero
  const mantissa = (magnitude & 0x7fffff) | 0x800000;
  const shift = 126 - (magnitude >>> 23); // 14 … 24
  const quotient = mantissa >>> shift;
  const rest = mantissa & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return sign | (quotient + (rest > half || (rest === half && (quotient & 1) === 1) ? 1 : 0));
}

/** Value of every float16, indexed by its bits. */
function makeHalfTable(): Float32Array {
  const table = new Float32Array(0x10000);
  for (let bits = 0; bits < table.length; bits++) {
    const sign = (bits & 0x8000) === 0 ? 1 : -1;
    const exponent = (bits >>> 10) & 0x1f;
    const fraction = bits & 0x3ff;
    if (exponent === 0) table[bits] = sign * fraction * 2 ** -24;
    else if (exponent < 31) table[bits] = sign * (1024 + fraction) * 2 ** (exponent - 25);
    else table[bits] = fraction === 0 ? sign * Infinity : NaN;
  }
  return table;
}

function firstNonFinite(values: Float32Array): number {
  // A sum of x·0 stays 0 for finite values, so the common case needs no branch per element.
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! * 0;
  return sum === 0 ? -1 : values.findIndex((value) => !Number.isFinite(value));
}
