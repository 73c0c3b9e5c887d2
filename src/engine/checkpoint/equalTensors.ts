import { withReleaseAsync } from '../../files/release.ts';
import { openInFolder, readExactly } from './modelFolder.ts';
import { CHUNK_ELEMENTS, readableDtype } from './safetensorsFile.ts';
import { bytesPerElement, decodeFloats } from './storedFloats.ts';
import type { LocatedTensor } from './tensorIndex.ts';

/**
 * True when two tensors hold the same values as float32, whatever their types. Reads until the first
 * difference, in pieces of 4 MB.
 *
 * @param folder  as `resolveFolder` gives it
 * @param one     a tensor that is stored with its zeros
 * @param other   another one of as many elements
 * @throws EngineError `checkpoint` for types that we cannot read, changed files and I/O faults
 */
export async function equalTensors(
  folder: string,
  one: LocatedTensor,
  other: LocatedTensor,
): Promise<boolean> {
  const left = await openPieces(folder, one);
  return withReleaseAsync(
    async () => {
      const right = await openPieces(folder, other);
      return withReleaseAsync(
        async () => {
          for (let first = 0; first < one.entry.elements; first += CHUNK_ELEMENTS) {
            const values = await left.read(first);
            const others = await right.read(first);
            if (!values.every((value, i) => value === others[i])) return false;
          }
          return true;
        },
        () => right.close(),
      );
    },
    () => left.close(),
  );
}

interface Pieces {
  read(first: number): Promise<Float32Array>;
  close(): Promise<void>;
}

async function openPieces(
  folder: string,
  { file, identity, entry }: LocatedTensor,
): Promise<Pieces> {
  const dtype = readableDtype(entry, file);
  const size = bytesPerElement(dtype);
  const { handle } = await openInFolder(folder, file, { known: identity });
  return {
    read: async (first) => {
      const count = Math.min(CHUNK_ELEMENTS, entry.elements - first);
      const raw = new Uint8Array(count * size);
      await readExactly(handle, raw, entry.begin + first * size, file);
      const values = new Float32Array(count);
      decodeFloats(dtype, raw, values);
      return values;
    },
    close: () => handle.close(),
  };
}
