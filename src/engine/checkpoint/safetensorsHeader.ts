import { EngineError } from '../../protocol/errors.ts';
import { parseJsonObject } from './jsonObject.ts';
import { shown } from './shown.ts';

/** Where one tensor lies in a safetensors file. */
export interface TensorEntry {
  readonly name: string;
  /** Element type as the file names it, e.g. `BF16`. */
  readonly dtype: string;
  readonly dims: readonly number[];
  /** Number of elements, the product of `dims`. */
  readonly elements: number;
  /** First byte, from the start of the file. */
  readonly begin: number;
  /** Byte after the last one, from the start of the file. */
  readonly end: number;
}

/** Largest JSON header read, bytes: the format's own limit, far above any real file's (< 1 MB). */
export const MAX_HEADER_BYTES = 100_000_000;

/** Largest number of dimensions of a tensor; weights have one or two. */
const MAX_DIMS = 8;

/** Bytes per element of every type of the format whose elements are whole bytes. */
const ELEMENT_BYTES: ReadonlyMap<string, number> = new Map([
  ...['BOOL', 'U8', 'I8', 'F8_E5M2', 'F8_E4M3', 'F8_E8M0'].map((name) => [name, 1] as const),
  ...['I16', 'U16', 'F16', 'BF16'].map((name) => [name, 2] as const),
  ...['I32', 'U32', 'F32'].map((name) => [name, 4] as const),
  ...['I64', 'U64', 'F64', 'C64'].map((name) => [name, 8] as const),
]);

/**
 * Length of the JSON header that a safetensors file announces.
 *
 * @param prefix     the file's first 8 bytes
 * @param fileBytes  size of the whole file
 * @param what       the file's name, for messages
 * @returns bytes of JSON that follow the prefix; at most {@link MAX_HEADER_BYTES}
 * @throws EngineError `checkpoint` when the file is too short or the length is impossible
 */
export function headerLength(prefix: Uint8Array, fileBytes: number, what: string): number {
  if (prefix.length < 8 || fileBytes < 8) {
    fail(what, 'at least 8 bytes of header length', `a file of ${fileBytes} bytes`);
  }
  const length = new DataView(prefix.buffer, prefix.byteOffset, 8).getBigUint64(0, true);
  const most = Math.min(MAX_HEADER_BYTES, fileBytes - 8);
  if (length < 2n || length > BigInt(most)) {
    fail(what, `a header length from 2 to ${most} bytes`, `${length}`);
  }
  return Number(length);
}

/**
 * Checks a safetensors JSON header against the file's size.
 *
 * @param json       the header's bytes, UTF-8
 * @param fileBytes  size of the whole file
 * @param what       the file's name, for messages
 * @returns the tensors in the order of their bytes; they cover the data exactly
 * @throws EngineError `checkpoint` for anything that is not a correct header of such a file
 * @source the safetensors format description (header, offsets without holes)
 */
export function parseHeader(json: Uint8Array, fileBytes: number, what: string): TensorEntry[] {
  const header = parseJsonObject(json, `${what}: header`);
  const dataStart = 8 + json.length;
  const entries: TensorEntry[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    entries.push(parseEntry(name, value, dataStart, `${what}: tensor ${shown(name)}`));
  }
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let covered = dataStart;
  for (const entry of entries) {
    if (entry.begin !== covered) {
      const where = `${what}: tensor ${shown(entry.name)}`;
      const relation = entry.begin < covered ? 'overlaps the tensor before it' : 'leaves a gap';
      fail(
        where,
        `data that starts at byte ${covered - dataStart}`,
        `a start at byte ${entry.begin - dataStart}, which ${relation}`,
      );
    }
    covered = entry.end;
  }
  if (covered !== fileBytes) {
    fail(
      what,
      `a file of ${covered} bytes, as its header says`,
      `${fileBytes} bytes${fileBytes < covered ? ' (it is cut short)' : ''}`,
    );
  }
  return entries;
}

function parseEntry(name: string, value: unknown, dataStart: number, what: string): TensorEntry {
  if (typeof value !== 'object' || value === null) {
    fail(what, 'an object with dtype, shape and data_offsets', shown(value));
  }
  const { dtype, shape, data_offsets: offsets } = value as Record<string, unknown>;
  const size = typeof dtype === 'string' ? ELEMENT_BYTES.get(dtype) : undefined;
  if (typeof dtype !== 'string' || size === undefined) {
    fail(what, `a dtype of ${[...ELEMENT_BYTES.keys()].join(', ')}`, shown(dtype));
  }
  const elements = countElements(shape, what);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isNatural)) {
    fail(what, 'data_offsets of two whole numbers', shown(offsets));
  }
  const [begin, end] = offsets as [number, number];
  if (end - begin !== elements * size) {
    fail(what, `${elements * size} bytes for ${shown(shape)} of ${dtype}`, `${end - begin} bytes`);
  }
  const dims = shape as readonly number[];
  return { name, dtype, dims, elements, begin: dataStart + begin, end: dataStart + end };
}

function countElements(shape: unknown, what: string): number {
  if (!Array.isArray(shape) || shape.length > MAX_DIMS || !shape.every(isNatural)) {
    fail(what, `a shape of at most ${MAX_DIMS} whole numbers`, shown(shape));
  }
  let elements = 1;
  for (const dim of shape) elements *= dim;
  if (!Number.isSafeInteger(elements)) fail(what, 'a shape that fits in a file', shown(shape));
  return elements;
}

function isNatural(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function fail(what: string, expected: string, found: string): never {
  throw new EngineError('checkpoint', {
    what,
    expected,
    found,
    action: 'Download or copy the file again; if it stays so, it was written wrongly.',
  });
}
