import { closeQuietly } from '../../files/release.ts';
import { MOST_SIZE } from '../../protocol/bounds.ts';
import { EngineError } from '../../protocol/errors.ts';
import { type BitmaskForm, bitmaskStride } from './bitmaskPacking.ts';
import { openInFolder, readExactly } from './modelFolder.ts';
import { readableDtype } from './safetensorsFile.ts';
import { shown } from './shown.ts';
import type { LocatedTensor, TensorIndex } from './tensorIndex.ts';

/** Last parts of the names of a packed map's tensors. */
const VALUES = '.compressed';
const BITS = '.bitmask';
const SHAPE = '.shape';
const ROW_OFFSETS = '.row_offsets';

/**
 * The index of a compressed checkpoint with its packed maps as if they were plain tensors: a map
 * `x.compressed`, `x.bitmask`, `x.shape` (and `x.row_offsets`) is found as `x.weight`.
 *
 * Reads only the two numbers of each shape; they are checked against the size of the bits, so they
 * cannot announce more than 8 weights for a byte of the file.
 *
 * @param folder  as `resolveFolder` gives it
 * @throws EngineError `checkpoint` for a map of which a tensor is missing or has the wrong type or
 *   size, and for a map that is there twice
 */
export async function withPackedMaps(
  folder: string,
  index: TensorIndex,
  form: BitmaskForm,
): Promise<TensorIndex> {
  const tensors = new Map(index.tensors);
  const suffixes = [VALUES, BITS, SHAPE, ...(form === 'sparse-bitmask' ? [ROW_OFFSETS] : [])];
  for (const prefix of packedPrefixes(index)) {
    const parts = suffixes.map((suffix) => {
      tensors.delete(prefix + suffix);
      return partOf(index, prefix, suffix);
    });
    const name = `${prefix}.weight`;
    if (tensors.has(name)) {
      throw problem(name, 'the map packed or plain', 'both', 'is stored twice, packed and plain');
    }
    tensors.set(name, await packedMap(folder, name, form, parts));
  }
  return { ...index, tensors };
}

function packedPrefixes({ tensors }: TensorIndex): Set<string> {
  const prefixes = new Set<string>();
  for (const name of tensors.keys()) {
    for (const suffix of [VALUES, BITS]) {
      if (name.endsWith(suffix)) prefixes.add(name.slice(0, -suffix.length));
    }
  }
  return prefixes;
}

function partOf({ tensors }: TensorIndex, prefix: string, suffix: string): LocatedTensor {
  const part = tensors.get(prefix + suffix);
  if (part === undefined) {
    const part = shown(prefix + suffix);
    throw problem(prefix, `tensor ${part}`, 'none', `lacks the tensor ${part}`);
  }
  return part;
}

async function packedMap(
  folder: string,
  name: string,
  form: BitmaskForm,
  [values, bits, shape, rowOffsets]: readonly (LocatedTensor | undefined)[],
): Promise<LocatedTensor> {
  const { entry, file, identity } = values!;
  const [rows, columns] = await readShape(folder, name, shape!);
  expectPart(name, bits!, 'U8', [rows, bitmaskStride(columns)]);
  if (form === 'sparse-24-bitmask') {
    if (columns % 4 !== 0) {
      const flaw = `has ${columns} columns, not a multiple of 4`;
      throw problem(name, 'a multiple of 4 columns', `${columns}`, flaw);
    }
    expectPart(name, values!, readableDtype(entry, file), [rows, columns / 2]);
  } else {
    expectPart(name, rowOffsets!, 'I64', [rows]);
    // How many there are is in the bits, which are counted when they are read.
    expectPart(name, values!, readableDtype(entry, file), [entry.elements]);
  }
  const dims = [rows, columns];
  return {
    file,
    identity,
    entry: { ...entry, name, dims, elements: rows * columns },
    packed: { form, values: entry, bits: bits!, rowOffsets: rowOffsets ?? null },
  };
}

/** The two numbers of a shape tensor, which the stricter form keeps as a column. */
async function readShape(
  folder: string,
  name: string,
  { file, identity, entry }: LocatedTensor,
): Promise<[rows: number, columns: number]> {
  if (entry.dtype !== 'I64' || entry.elements !== 2) {
    const found = `${entry.dtype} ${shown(entry.dims)}`;
    const flaw = `has a shape stored as ${found}, not as two I64`;
    throw problem(name, 'a shape of two I64', found, flaw);
  }
  const bytes = new Uint8Array(16);
  const { handle } = await openInFolder(folder, file, { known: identity });
  try {
    await readExactly(handle, bytes, entry.begin, file);
  } finally {
    await closeQuietly(handle);
  }
  const [rows, columns] = new BigInt64Array(bytes.buffer) as unknown as [bigint, bigint];
  for (const size of [rows, columns]) {
    if (size < 1n || size > BigInt(MOST_SIZE)) {
      const found = `${rows} × ${columns}`;
      const flaw = `has the impossible shape ${found}`;
      throw problem(name, `sizes from 1 to ${MOST_SIZE}`, found, flaw);
    }
  }
  return [Number(rows), Number(columns)];
}

function expectPart(
  name: string,
  { entry }: LocatedTensor,
  dtype: string,
  dims: readonly number[],
): void {
  if (entry.dtype === dtype && entry.dims.join() === dims.join()) return;
  const expected = `${shown(entry.name)} of ${dtype} ${shown(dims)}, as its shape says`;
  const found = `${entry.dtype} ${shown(entry.dims)}`;
  const flaw = `needs ${shown(entry.name)} as ${dtype} ${shown(dims)}, but it is ${found}`;
  throw problem(name, expected, found, flaw);
}

function problem(name: string, expected: string, found: string, flaw: string): EngineError {
  return new EngineError('checkpoint', {
    what: `Compressed map ${shown(name)}`,
    expected,
    found,
    sentence: `The compressed map ${shown(name)} ${flaw}.`,
    action: 'Export the checkpoint again, or download it again.',
  });
}
