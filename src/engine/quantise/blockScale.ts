import { type BlockFormat, zeroCode } from './blockFormat.ts';

const real = new Float32Array(1);
const bits = new Uint32Array(real.buffer);

/**
 * The scale of a block: its largest weight gets the last negative code, so that all codes are used,
 * whichever sign that weight has. The scale is negative where it is positive.
 *
 * Weights nearly as large on the other side are one code short of their place; they are rounded to
 * the last code there is.
 * @param values  weights
 * @returns  a bfloat16; 0 for a block of zeros
 */
export function scaleOf(values: ArrayLike<number>, count: number, format: BlockFormat): number {
  let extreme = 0;
  for (let i = 0; i < count; i++) {
    const value = values[i]!;
    if (Math.abs(value) > Math.abs(extreme)) extreme = value;
  }
  return extreme === 0 ? 0 : roundToBfloat16(-extreme / zeroCode(format));
}

/** The nearest bfloat16, ties to even. */
export function roundToBfloat16(value: number): number {
  real[0] = value;
  const word = bits[0]!;
  bits[0] = (word + 0x7fff + ((word >>> 16) & 1)) & 0xffff0000;
  return real[0];
}

/** The code nearest to a weight. @param scale  not 0 */
export function codeOf(value: number, scale: number, zero: number): number {
  const code = Math.round(value / scale) + zero;
  return code < 0 ? 0 : code > 2 * zero - 1 ? 2 * zero - 1 : code;
}
