import type { FileHandle } from 'node:fs/promises';
import { closeQuietly } from '../../files/release.ts';
import { EngineError, throwIfAborted } from '../../protocol/errors.ts';
import { type FileIdentity, openInFolder, readExactly } from './modelFolder.ts';
import { headerLength, parseHeader, type TensorEntry } from './safetensorsHeader.ts';
import { shown } from './shown.ts';
import { expectNoStandIn, TELLING_BYTES } from './standIn.ts';
import {
  bytesPerElement,
  decodeFloats,
  type ReadableDtype,
  readableDtypes,
} from './storedFloats.ts';

/** What the header of one safetensors file says; no handle stays open. */
export interface SafetensorsIndex {
  /** File name inside the model folder. */
  readonly file: string;
  /** Size of the file. */
  readonly bytes: number;
  /** What the file was when its header was read. */
  readonly identity: FileIdentity;
  /** The header's bytes as stored: they enter the checkpoint's fingerprint. */
  readonly header: Uint8Array;
  /** Tensors in the order of their bytes. */
  readonly entries: readonly TensorEntry[];
}

/** How a tensor is handed over by {@link readFloats}. */
export interface FloatReading {
  /** Every piece holds a whole number of rows of so many elements. */
  readonly rowSize: number;
  /** Checked between pieces. */
  readonly signal?: AbortSignal | undefined;
  /** Called with the pieces in order; `values` is reused, so it must be copied or used up. */
  readonly sink: (values: Float32Array, firstElement: number) => void;
}

/** What to do about weights that are quantised. */
export const QUANTISED_ACTION =
  'Use the original checkpoint, whose weights are not quantised; quantised ones cannot be pruned.';

/** Elements decoded at once: 4 MB of float32, enough to make the cost per read vanish. */
export const CHUNK_ELEMENTS = 1 << 20;

/** The byte "{", with which the JSON of a header begins. */
const OPENING_BRACE = 0x7b;

/**
 * Reads and checks the header of a safetensors file, nothing else.
 *
 * @param folder  as `resolveFolder` gives it
 * @param file    file name without folders
 * @throws EngineError `checkpoint` for a file that is absent, outside the folder, or not correct
 */
export async function readSafetensorsIndex(
  folder: string,
  file: string,
): Promise<SafetensorsIndex> {
  const { handle, bytes, identity } = await openInFolder(folder, file);
  try {
    const start = new Uint8Array(Math.min(TELLING_BYTES, bytes));
    await readExactly(handle, start, 0, file);
    // A header of 640 bytes begins as a pickle does, so what follows its length decides first.
    if (start[8] !== OPENING_BRACE) expectNoStandIn(start, file);
    const header = new Uint8Array(headerLength(start.subarray(0, 8), bytes, file));
    await readExactly(handle, header, 8, file);
    return { file, bytes, identity, header, entries: parseHeader(header, bytes, file) };
  } finally {
    await closeQuietly(handle);
  }
}

/**
 * Reads one tensor piece by piece as float32.
 *
 * @param handle   the open safetensors file
 * @param file     its name, for messages
 * @param entry    the tensor
 * @param reading  size of the pieces, where they go, and cancellation
 * @throws EngineError `checkpoint` for a type we cannot read, NaN or infinite values, and I/O faults
 */
export async function readFloats(
  handle: FileHandle,
  file: string,
  entry: TensorEntry,
  reading: FloatReading,
): Promise<void> {
  const { rowSize, signal, sink } = reading;
  const dtype = readableDtype(entry, file);
  const step = rowSize * Math.max(1, Math.floor(CHUNK_ELEMENTS / Math.max(1, rowSize)));
  const size = bytesPerElement(dtype);
  const longest = Math.min(step, entry.elements);
  const raw = new Uint8Array(longest * size);
  const floats = new Float32Array(longest);
  for (let first = 0; first < entry.elements; first += step) {
    throwIfAborted(signal);
    const count = Math.min(step, entry.elements - first);
    const piece = raw.subarray(0, count * size);
    await readExactly(handle, piece, entry.begin + first * size, file);
    const target = floats.subarray(0, count);
    const values = decodeFinite(dtype, piece, { file, entry, first, target });
    sink(values, first);
  }
}

/**
 * Turns stored elements of a tensor into float32 and refuses NaN and infinite ones.
 *
 * @param dtype  how they are stored
 * @param raw    their bytes
 * @param place  which elements of which tensor they are, for messages; `target` takes the values,
 *   a new array where there is none
 * @throws EngineError `checkpoint`
 */
export function decodeFinite(
  dtype: ReadableDtype,
  raw: Uint8Array,
  place: {
    readonly file: string;
    readonly entry: TensorEntry;
    readonly first: number;
    readonly target?: Float32Array;
  },
): Float32Array {
  const { file, entry, first } = place;
  const values = place.target ?? new Float32Array(raw.length / bytesPerElement(dtype));
  const bad = decodeFloats(dtype, raw, values);
  if (bad < 0) return values;
  throw new EngineError('checkpoint', {
    what: `${file}: tensor ${shown(entry.name)}`,
    expected: 'finite weights',
    found: `${values[bad]} at element ${first + bad}`,
    action: 'Use another checkpoint.',
    sentence: `The checkpoint is damaged, or its training diverged: tensor ${shown(entry.name)} in ${file} holds ${values[bad]} at element ${first + bad}.`,
  });
}

/**
 * The element type of a tensor, if it is one that we read.
 *
 * @param entry  the tensor
 * @param file   its file's name, for messages
 * @throws EngineError `checkpoint` for any other type, e.g. of a quantised checkpoint
 */
export function readableDtype(entry: TensorEntry, file: string): ReadableDtype {
  const dtype = readableDtypes.find((name) => name === entry.dtype);
  if (dtype !== undefined) return dtype;
  throw new EngineError('checkpoint', {
    what: `${file}: tensor ${shown(entry.name)}`,
    expected: `elements of type ${readableDtypes.slice(0, -1).join(', ')} or ${readableDtypes.at(-1)}`,
    found: shown(entry.dtype),
    action: QUANTISED_ACTION,
    sentence: `The weights are quantised: ${file} stores tensor ${shown(entry.name)} as ${shown(entry.dtype)}. Only weights of type F64, F32, F16 or BF16 can be pruned.`,
  });
}
