import { type BlockFormat, blocksOf, zeroCode } from './blockFormat.ts';
import { codeOf, scaleOf } from './blockScale.ts';
import { emptyPacked, type PackedWeight, putCodes } from './packedWeight.ts';

/**
 * Rounds every weight to its nearest integer, without looking at any data.
 * @param weight  row-major [outputs, inputs]
 */
export function roundWeight(
  weight: Float32Array,
  outputs: number,
  inputs: number,
  format: BlockFormat,
): PackedWeight {
  const packed = emptyPacked(outputs, inputs, format);
  const zero = zeroCode(format);
  const blocks = blocksOf(inputs, format);
  const codes = new Uint8Array(format.blockSize);
  for (let row = 0; row < outputs; row++) {
    for (let block = 0; block < blocks; block++) {
      const from = block * format.blockSize;
      const count = Math.min(format.blockSize, inputs - from);
      const at = row * inputs + from;
      const values = weight.subarray(at, at + count);
      const scale = scaleOf(values, count, format);
      if (scale === 0) continue;
      packed.scales[row * blocks + block] = scale;
      for (let i = 0; i < count; i++) codes[i] = codeOf(values[i]!, scale, zero);
      putCodes(packed, row, from, codes, count);
    }
  }
  return packed;
}
