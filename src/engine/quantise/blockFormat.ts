/** How weights are stored as integers: blocks of neighbouring inputs of one output share a scale. */
export interface BlockFormat {
  /** Bits of a code. */
  readonly bits: 4 | 8;
  /** Inputs of a block, a power of two, at least 16. */
  readonly blockSize: number;
}

/** Bytes of a stored scale, a bfloat16. */
export const SCALE_BYTES = 2;

/** Blocks of one output; the last may reach beyond the inputs. */
export function blocksOf(inputs: number, { blockSize }: BlockFormat): number {
  return Math.ceil(inputs / blockSize);
}

/** Bytes of a block's codes. */
export function bytesPerBlock({ bits, blockSize }: BlockFormat): number {
  return (blockSize * bits) / 8;
}

/** The code of zero, half of all: codes below it are negative multiples of the scale. */
export function zeroCode({ bits }: BlockFormat): number {
  return 1 << (bits - 1);
}

/** Bytes of a stored weight, codes and scales. */
export function storedBytes(outputs: number, inputs: number, format: BlockFormat): number {
  return outputs * blocksOf(inputs, format) * (bytesPerBlock(format) + SCALE_BYTES);
}

/**
 * The format that an `export` section asks for.
 * @returns  null when it asks for no integers
 */
export function formatOf(section: {
  readonly quantise: 'none' | 'int8' | 'int4';
  readonly groupSize: number;
}): BlockFormat | null {
  if (section.quantise === 'none') return null;
  return { bits: section.quantise === 'int8' ? 8 : 4, blockSize: section.groupSize };
}
