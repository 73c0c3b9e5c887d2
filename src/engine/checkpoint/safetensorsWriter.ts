import type { FileHandle } from 'node:fs/promises';
import { replaceFileBy } from '../../files/writeFile.ts';
import { EngineError, throwIfAborted } from '../../protocol/errors.ts';
import { bytesPerElement, encodeFloats, type StoredDtype } from './storedFloats.ts';

/** Weights to be written. */
export interface FloatsToWrite {
  readonly name: string;
  readonly dims: readonly number[];
  /** Element type; absent: that of the file. */
  readonly dtype?: StoredDtype | undefined;
  /** Gives the values, row-major; called once, when their turn comes, and let go after it. */
  readonly values: () => Float32Array | Promise<Float32Array>;
}

/** Whole numbers to be written as they are: bytes as U8, counts as I64. */
export type WholesToWrite = Omit<FloatsToWrite, 'dtype' | 'values'> &
  (
    | { readonly dtype: 'U8'; readonly values: () => Uint8Array | Promise<Uint8Array> }
    | { readonly dtype: 'I64'; readonly values: () => BigInt64Array | Promise<BigInt64Array> }
  );

/** One tensor to be written. */
export type TensorToWrite = FloatsToWrite | WholesToWrite;

/** What is known of a tensor before its values are made. */
export type TensorPlan = Pick<TensorToWrite, 'name' | 'dims' | 'dtype'>;

/** How a safetensors file is written. */
export interface WriteOptions {
  /** Element type of weights that name none. */
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
 * Where element types differ, the wider ones come first in the file, so that every tensor starts at
 * a multiple of its element size: programs that map the file need that.
 *
 * @param path     where to write; an existing file is replaced
 * @param tensors  in the order in which their values are asked for; names are unique
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
  const { header, begins, bytes } = layoutOf(tensors, options.dtype);
  await replaceFileBy(path, async (handle) => {
    await writeAll(handle, header, 0);
    for (const [i, tensor] of tensors.entries()) {
      await writeTensor(handle, tensor, begins[i]!, options);
    }
  });
  return bytes;
}

/**
 * Bytes a safetensors file of these tensors will have, e.g. to check for room beforehand.
 *
 * @param tensors  names, dimensions and element types
 * @param dtype    element type of weights that name none
 */
export function safetensorsBytes(tensors: readonly TensorPlan[], dtype: StoredDtype): number {
  return layoutOf(tensors, dtype).bytes;
}

/**
 * Bytes of one element of any type that is written.
 *
 * @param dtype  1 for U8, 8 for I64
 */
export function elementBytes(dtype: StoredDtype | WholesToWrite['dtype']): number {
  if (dtype === 'U8') return 1;
  return dtype === 'I64' ? 8 : bytesPerElement(dtype);
}

/** Where everything lies in a file. */
interface Layout {
  /** Length and JSON. */
  readonly header: Uint8Array;
  /** First byte of each tensor, from the start of the file. */
  readonly begins: readonly number[];
  /** Size of the file. */
  readonly bytes: number;
}

function layoutOf(tensors: readonly TensorPlan[], dtype: StoredDtype): Layout {
  const begins = new Array<number>(tensors.length);
  const fields: [string, unknown][] = [['__metadata__', { format: 'pt' }]];
  const order = tensors.map((tensor, i) => ({
    i,
    tensor,
    size: elementBytes(tensor.dtype ?? dtype),
  }));
  let end = 0;
  for (const { i, tensor, size } of order.sort((a, b) => b.size - a.size || a.i - b.i)) {
    const { name, dims } = tensor;
    const begin = end;
    end += countOf(dims) * size;
    begins[i] = begin;
    fields.push([name, { dtype: tensor.dtype ?? dtype, shape: dims, data_offsets: [begin, end] }]);
  }
  const names = new Set(fields.map(([name]) => name));
  if (names.size !== fields.length) throw new RangeError('A tensor name comes twice.');
  const header = headerOf(Object.fromEntries(fields));
  return {
    header,
    begins: begins.map((begin) => header.length + begin),
    bytes: header.length + end,
  };
}

function headerOf(fields: Readonly<Record<string, unknown>>): Uint8Array {
  const json = JSON.stringify(fields);
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
  { dtype: ofFile, signal }: WriteOptions,
): Promise<void> {
  if (tensor.dtype === 'U8' || tensor.dtype === 'I64') {
    throwIfAborted(signal);
    const { buffer, byteOffset, byteLength } = checked(tensor, await tensor.values());
    await writeAll(handle, new Uint8Array(buffer, byteOffset, byteLength), start);
    return;
  }
  const values = checked(tensor, await tensor.values());
  const dtype = tensor.dtype ?? ofFile;
  const size = bytesPerElement(dtype);
  const buffer = new Uint8Array(Math.min(CHUNK_ELEMENTS, values.length) * size);
  let position = start;
  for (let first = 0; first < values.length; first += CHUNK_ELEMENTS) {
    throwIfAborted(signal);
    const piece = values.subarray(first, first + CHUNK_ELEMENTS);
    const bytes = buffer.subarray(0, piece.length * size);
    const bad = encodeFloats(dtype, piece, bytes);
    if (bad >= 0) throw unwritable(tensor.name, dtype, first + bad, piece[bad]!);
    await writeAll(handle, bytes, position);
    position += bytes.length;
  }
}

function checked<Values extends { readonly length: number }>(
  { name, dims }: TensorPlan,
  values: Values,
): Values {
  if (values.length === countOf(dims)) return values;
  throw new RangeError(`${name} has ${values.length} elements, not ${countOf(dims)}.`);
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
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
    sentence: `Tensor ${name} cannot be written as ${dtype}: it holds ${value} at element ${index}.`,
  });
}
