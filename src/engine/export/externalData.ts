import type { FileHandle } from 'node:fs/promises';
import { replaceFileBy } from '../../files/writeFile.ts';
import { EngineError, throwIfAborted } from '../../protocol/errors.ts';
import { encodeFloats } from '../checkpoint/storedFloats.ts';
import { elementBytes, type PlannedTensor } from './weightPlan.ts';

/** Elements encoded at once: at most 4 MB of file. */
const CHUNK_ELEMENTS = 1 << 20;

/**
 * Writes the data file of an ONNX model: beside its place first, then flushed and renamed.
 *
 * Memory: one tensor, as its `values` gives it, plus 4 MB.
 * @param tensors  in the order of their offsets
 * @throws EngineError `disk` when writing fails (the half-written file is removed); `numeric` for
 *   values the element type cannot hold; `cancelled`
 */
export async function writeExternalData(
  path: string,
  tensors: readonly PlannedTensor[],
  signal?: AbortSignal,
): Promise<void> {
  await replaceFileBy(path, async (handle) => {
    for (const tensor of tensors) await writeTensor(handle, tensor, signal);
  });
}

async function writeTensor(
  handle: FileHandle,
  tensor: PlannedTensor,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { elements, offset } = tensor;
  const values = await tensor.values();
  if (values.length !== elements) {
    throw new RangeError(`${tensor.name} has ${values.length} elements, not ${elements}.`);
  }
  const size = elementBytes(tensor.dtype);
  const buffer = new Uint8Array(Math.min(CHUNK_ELEMENTS, elements) * size);
  for (let first = 0; first < elements; first += CHUNK_ELEMENTS) {
    throwIfAborted(signal);
    const piece = values.subarray(first, first + CHUNK_ELEMENTS);
    const bytes = buffer.subarray(0, piece.length * size);
    const bad = encode(tensor.dtype, piece, bytes);
    if (bad >= 0) throw unwritable(tensor, first + bad, piece[bad]!);
    let done = 0;
    while (done < bytes.length) {
      // Gaps before an aligned offset are left unwritten: the file system reads them as zeros.
      const at = offset + first * size + done;
      done += (await handle.write(bytes, done, bytes.length - done, at)).bytesWritten;
    }
  }
}

/** @returns  index of the first value that the type cannot hold; −1 when it holds all */
function encode(
  dtype: PlannedTensor['dtype'],
  piece: Float32Array | Uint8Array,
  bytes: Uint8Array,
): number {
  if (dtype !== 'U8') return encodeFloats(dtype, piece as Float32Array, bytes);
  bytes.set(piece);
  return -1;
}

function unwritable(tensor: PlannedTensor, index: number, value: number): EngineError {
  return new EngineError('numeric', {
    what: `Writing tensor ${tensor.name}`,
    expected: `values that ${tensor.dtype} can hold`,
    found: `${value} at element ${index}`,
    action: Number.isFinite(value)
      ? 'Write bfloat16 or float32, which have a wider range.'
      : 'The weights were damaged by an earlier step; report this.',
    sentence: `Tensor ${tensor.name} cannot be written as ${tensor.dtype}: it holds ${value} at element ${index}.`,
  });
}
