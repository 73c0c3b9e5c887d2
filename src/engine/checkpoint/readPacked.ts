import type { FileHandle } from 'node:fs/promises';
import { closeQuietly } from '../../files/release.ts';
import { EngineError, throwIfAborted } from '../../protocol/errors.ts';
import { bitmaskStride, countBits, expandRows, firstBadRow } from './bitmaskPacking.ts';
import { openInFolder, readExactly } from './modelFolder.ts';
import { CHUNK_ELEMENTS, decodeFinite, type FloatReading, readFloats } from './safetensorsFile.ts';
import { shown } from './shown.ts';
import { bytesPerElement, type ReadableDtype } from './storedFloats.ts';
import type { LocatedTensor, PackedParts } from './tensorIndex.ts';

/**
 * Reads one tensor piece by piece as float32, whether it is stored plain or without its zeros.
 *
 * Memory: pieces of at most 4 MB, or of one row.
 *
 * @param folder   as `resolveFolder` gives it
 * @param located  the tensor as the index has it
 * @param reading  size of the pieces, where they go, and cancellation; `rowSize` is that of the
 *   tensor's last dimension
 * @throws EngineError `checkpoint` as `readFloats` does, and for bits that do not match the values
 */
export async function readTensor(
  folder: string,
  located: LocatedTensor,
  reading: FloatReading,
): Promise<void> {
  const { file, identity, entry, packed } = located;
  const { handle } = await openInFolder(folder, file, { known: identity });
  try {
    if (packed === undefined) await readFloats(handle, file, entry, reading);
    else await readPacked(folder, { handle, located, packed }, reading);
  } finally {
    await closeQuietly(handle);
  }
}

/** What is open while a map is expanded. */
interface OpenMap {
  /** The file of the values. */
  readonly handle: FileHandle;
  readonly located: LocatedTensor;
  readonly packed: PackedParts;
}

async function readPacked(
  folder: string,
  { handle, located, packed }: OpenMap,
  { signal, sink }: FloatReading,
): Promise<void> {
  const { file, entry } = located;
  const [rows = 0, columns = 0] = entry.dims;
  const stride = bitmaskStride(columns);
  const step = Math.max(1, Math.floor(CHUNK_ELEMENTS / columns));
  const dtype = entry.dtype as ReadableDtype;
  const size = bytesPerElement(dtype);
  const stored = packed.values.elements;
  const side = await openSide(folder, packed);
  let taken = 0;
  try {
    for (let row = 0; row < rows; row += step) {
      throwIfAborted(signal);
      const piece = Math.min(step, rows - row);
      const bits = await side.bits(row * stride, piece * stride);
      const bad = firstBadRow(packed.form, bits, piece, columns);
      if (bad >= 0) {
        const found = `other bits in row ${row + bad}`;
        throw mismatch(entry.name, `bits of ${packed.form}`, found);
      }
      await side.checkOffsets(entry.name, { row, bits, stride, taken });
      const count = countBits(bits);
      if (taken + count > stored) {
        throw mismatch(entry.name, `${stored} bits, one for each value`, 'more bits');
      }
      const raw = new Uint8Array(count * size);
      await readExactly(handle, raw, packed.values.begin + taken * size, file);
      const values = decodeFinite(dtype, raw, { file, entry: packed.values, first: taken });
      sink(expandRows(values, bits, piece, columns), row * columns);
      taken += count;
    }
  } finally {
    await closeQuietly(side);
  }
  if (taken !== stored) {
    throw mismatch(entry.name, `${stored} bits, one for each value`, `${taken} bits`);
  }
}

/** The tensors that say where values belong. */
interface Side {
  bits(from: number, bytes: number): Promise<Uint8Array>;
  /** Compares the recorded number of values before each row with the bits. */
  checkOffsets(
    name: string,
    piece: { readonly row: number; readonly bits: Uint8Array } & {
      readonly stride: number;
      readonly taken: number;
    },
  ): Promise<void>;
  close(): Promise<void>;
}

async function openSide(folder: string, { bits, rowOffsets }: PackedParts): Promise<Side> {
  const ofBits = await openInFolder(folder, bits.file, { known: bits.identity });
  const ofOffsets =
    rowOffsets === null
      ? null
      : await openInFolder(folder, rowOffsets.file, { known: rowOffsets.identity }).catch(
          async (error: unknown) => {
            await ofBits.handle.close();
            throw error;
          },
        );
  return {
    bits: async (from, length) => {
      const bytes = new Uint8Array(length);
      await readExactly(ofBits.handle, bytes, bits.entry.begin + from, bits.file);
      return bytes;
    },
    checkOffsets: async (name, { row, bits: flags, stride, taken }) => {
      if (ofOffsets === null || rowOffsets === null) return;
      const offsets = new BigInt64Array(flags.length / stride);
      const at = rowOffsets.entry.begin + row * 8;
      await readExactly(ofOffsets.handle, new Uint8Array(offsets.buffer), at, rowOffsets.file);
      let expected = taken;
      for (const [i, offset] of offsets.entries()) {
        if (offset !== BigInt(expected)) {
          const wanted = `${expected} values before row ${row + i}`;
          throw mismatch(name, wanted, `an offset of ${offset}`);
        }
        expected += countBits(flags, i * stride, (i + 1) * stride);
      }
    },
    close: async () => {
      await ofBits.handle.close();
      await ofOffsets?.handle.close();
    },
  };
}

function mismatch(name: string, expected: string, found: string): EngineError {
  return new EngineError('checkpoint', {
    what: `Compressed map ${shown(name)}`,
    expected,
    found,
    sentence: `The compressed map ${shown(name)} is damaged: it has ${found} instead of ${expected}.`,
    action: 'Export the checkpoint again, or download it again.',
  });
}
