import { type BlockFormat, blocksOf, bytesPerBlock, zeroCode } from './blockFormat.ts';

/**
 * A linear map as integers, in the layout of ONNX Runtime's MatMulNBits: `weight = (code − zero) ·
 * scale`, where the code of zero is {@link zeroCode}.
 */
export interface PackedWeight {
  readonly format: BlockFormat;
  readonly outputs: number;
  readonly inputs: number;
  /**
   * [outputs, blocks, bytesPerBlock]; of two 4-bit codes in a byte the earlier input has the lower
   * half. Codes beyond the last input are those of zero.
   */
  readonly codes: Uint8Array;
  /** [outputs, blocks], each exactly a bfloat16; a block of zeros has 0. */
  readonly scales: Float32Array;
}

/** A weight of nothing but zeros, to be filled. */
export function emptyPacked(outputs: number, inputs: number, format: BlockFormat): PackedWeight {
  const blocks = outputs * blocksOf(inputs, format);
  const zero = zeroCode(format);
  const codes = new Uint8Array(blocks * bytesPerBlock(format));
  codes.fill(format.bits === 8 ? zero : zero * 0x11);
  return { format, outputs, inputs, codes, scales: new Float32Array(blocks) };
}

/**
 * Writes the codes of one output's neighbouring inputs.
 * @param from  first input, the start of a block
 * @param values  codes, at most a block of them
 */
export function putCodes(
  packed: PackedWeight,
  output: number,
  from: number,
  values: ArrayLike<number>,
  count: number,
): void {
  const { codes, format, inputs } = packed;
  const { blockSize } = format;
  const block = output * blocksOf(inputs, format) + from / blockSize;
  const at = block * bytesPerBlock(format);
  if (format.bits === 8) {
    for (let i = 0; i < count; i++) codes[at + i] = values[i]!;
    return;
  }
  const zero = zeroCode(format);
  for (let i = 0; i < count; i += 2) {
    const upper = i + 1 < count ? values[i + 1]! : zero;
    codes[at + (i >> 1)] = values[i]! | (upper << 4);
  }
}

/** The weights that the integers stand for, row-major [outputs, inputs]. */
export function dequantised(packed: PackedWeight): Float32Array {
  const { codes, scales, format, outputs, inputs } = packed;
  const [blocks, width, zero] = [blocksOf(inputs, format), bytesPerBlock(format), zeroCode(format)];
  const half = format.bits === 4;
  const out = new Float32Array(outputs * inputs);
  for (let row = 0; row < outputs; row++) {
    for (let block = 0; block < blocks; block++) {
      const index = row * blocks + block;
      const scale = scales[index]!;
      const from = block * format.blockSize;
      const end = Math.min(inputs, from + format.blockSize);
      for (let k = from; k < end; k++) {
        const i = k - from;
        const code = half
          ? (codes[index * width + (i >> 1)]! >> (4 * (i & 1))) & 15
          : codes[index * width + i]!;
        out[row * inputs + k] = (code - zero) * scale;
      }
    }
  }
  return out;
}
