import type { FileHandle } from 'node:fs/promises';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { diskError } from '../../protocol/diskError.ts';
import { EngineError, isEngineError, throwIfAborted } from '../../protocol/errors.ts';
import { bytesPerElement, encodeFloats, type StoredDtype } from './storedFloats.ts';

/** One tensor to be written. */
export interface TensorToWrite {
  readonly name: string;
  readonly dims: readonly number[];
  /** Gives the values, row-major; called once, when their turn comes, and let go after it. */
  readonly values: () => Float32Array;
}

/** How a safetensors file is written. */
export interface WriteOptions {
  /** Element type of every tensor. */
  readonly dtype: StoredDtype;
  /** Checked between pieces of 4 MB. */
  readonly signal?: AbortSignal | undefined;
}

/** Elements encoded at once: at most 4 MB of file. */
const CHUNK_ELEMENTS = 1 << 20;

/**
 * Writes a safetensors file: beside its place first, then flushed and renamed, so that a reader
 * sees the old file or the whole new one.
 *
 * Memory: one tensor, as its `values` gives it, plus 4 MB. Values are rounded to nearest even.
 *
 * @param path     where to write; an existing file is replaced
 * @param tensors  in the order of their bytes; names are unique
 * @param options  element type and cancellation
 * @returns the size of the file, bytes
 * @throws EngineError `disk` when writing fails (the half-written file is removed); `numeric` for
 *   values that are not finite in the element type; `cancelled`
 * @throws RangeError  when a tensor does not have the size its dimensions say, or a name comes twice
 */
export async function writeSafetensors(
  path: string,
  tensors: readonly TensorToWrite[],
  options: WriteOptions,
): Promise<number> {
  const header = headerOf(tensors, options.dtype);
  const partial = `${path}.partial`;
  let handle: FileHandle | undefined;
  try {
    handle = await open(partial, 'w');
    let position = await writeAll(handle, header, 0);
    for (const tensor of tensors) {
      position = await writeTensor(handle, tensor, position, options);
    }
    await handle.sync();
    await handle.close();
    handle = undefined;
    await rename(partial, path);
    await syncFolder(dirname(path));
    return position;
  } catch (error) {
    // The first error is the one to report, whatever else fails while tidying up.
    await handle?.close().catch(() => undefined);
    await rm(partial, { force: true }).catch(() => undefined);
    if (isEngineError(error) || error instanceof RangeError) throw error;
    throw diskError(path, error);
  }
}

/**
 * Bytes a safetensors file of these tensors will have, e.g. to check for room beforehand.
 *
 * @param tensors  names and dimensions
 * @param dtype    element type of every tensor
 */
export function safetensorsBytes(
  tensors: readonly Pick<TensorToWrite, 'name' | 'dims'>[],
  dtype: StoredDtype,
): number {
  const elements = tensors.reduce((sum, tensor) => sum + countOf(tensor.dims), 0);
  return headerOf(tensors, dtype).length + elements * bytesPerElement(dtype);
}

function headerOf(
  tensors: readonly Pick<TensorToWrite, 'name' | 'dims'>[],
  dtype: StoredDtype,
): Uint8Array {
  const header: [string, unknown][] = [['__metadata__', { format: 'pt' }]];
  let begin = 0;
  for (const { name, dims } of tensors) {
    const end = begin + countOf(dims) * bytesPerElement(dtype);
    header.push([name, { dtype, shape: dims, data_offsets: [begin, end] }]);
    begin = end;
  }
  const names = new Set(header.map(([name]) => name));
  if (names.size !== header.length) throw new RangeError('A tensor name comes twice.');
  const json = JSON.stringify(Object.fromEntries(header));
  // Spaces at the end let the data start at a multiple of 8, as readers that map the file like it.
  const text = Buffer.from(json.padEnd(json.length + ((8 - (Buffer.byteLength(json) % 8)) % 8)));
  const bytes = new Uint8Array(8 + text.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  return bytes;
}

async function writeTensor(
  handle: FileHandle,
  tensor: TensorToWrite,
  start: number,
  { dtype, signal }: WriteOptions,
): Promise<number> {
  const values = tensor.values();
  if (values.length !== countOf(tensor.dims)) {
    throw new RangeError(
      `${tensor.name} has ${values.length} elements, not ${countOf(tensor.dims)}.`,
    );
  }
  const size = bytesPerElement(dtype);
  const buffer = new Uint8Array(Math.min(CHUNK_ELEMENTS, values.length) * size);
  let position = start;
  for (let first = 0; first < values.length; first += CHUNK_ELEMENTS) {
    throwIfAborted(signal);
    const piece = values.subarray(first, first + CHUNK_ELEMENTS);
    const bytes = buffer.subarray(0, piece.length * size);
    const bad = encodeFloats(dtype, piece, bytes);
    if (bad >= 0) throw unwritable(tensor.name, dtype, first + bad, piece[bad]!);
    position = await writeAll(handle, bytes, position);
  }
  return position;
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<number> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
  return position + done;
}

/** Makes the rename last through a power cut; systems that cannot flush a folder are left alone. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}

function countOf(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

function unwritable(name: string, dtype: StoredDtype, index: number, value: number): EngineError {
  return new EngineError('numeric', {
    what: `Writing tensor ${name}`,
    expected: `values that ${dtype} can hold`,
    found: `${value} at element ${index}`,
    action: Number.isFinite(value)
      ? 'Write BF16 or F32, which have a wider range.'
      : 'The weights were damaged by an earlier step; report this.',
  });
}
