import type { BitmaskForm } from '../checkpoint/bitmaskPacking.ts';
import type { SparsitySurvey } from './sparsitySurvey.ts';

/** Sizes of the weights, bytes. */
export interface SparsityBytes {
  /** The whole file with every zero written. */
  readonly dense: number;
  /** The whole file as it is written, indices included. */
  readonly compressed: number;
  /** Bits, shapes and row offsets alone. */
  readonly index: number;
  /** The packed maps alone, with every zero written. */
  readonly mapsDense: number;
  /** The packed maps alone as they are written, indices included. */
  readonly mapsCompressed: number;
}

/**
 * The `sparsity` field of a checkpoint's `subnet` block: what was counted in the written weights, by
 * kind of map, and what packing brought.
 */
export function sparsityBlock(
  { kinds, zeroFraction }: SparsitySurvey,
  form: BitmaskForm,
  bytes: SparsityBytes,
): Record<string, unknown> {
  const maps = Object.entries(kinds).map(([name, found]) => [
    name,
    {
      maps: found.maps,
      pattern: found.pattern,
      along: found.along,
      holdsAlongInputs: found.holdsAlongInputs,
      nonzeroFraction: found.nonzeroFraction,
    },
  ]);
  return {
    format: form,
    // What kernels for 2:4 need of every packed map; counted, not assumed.
    twoOfFourAlongInputs: form === 'sparse-24-bitmask',
    zeroFraction,
    denseBytes: bytes.dense,
    compressedBytes: bytes.compressed,
    indexBytes: bytes.index,
    mapsDenseBytes: bytes.mapsDense,
    mapsCompressedBytes: bytes.mapsCompressed,
    maps: Object.fromEntries(maps) as Record<string, unknown>,
  };
}
