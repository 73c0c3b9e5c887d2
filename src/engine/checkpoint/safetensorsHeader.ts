import { MOST_HEADER_BYTES, MOST_TENSORS } from '../../protocol/bounds.ts';
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

const DOWNLOAD_AGAIN = 'Download or copy the file again; if it stays so, it was written wrongly.';

/** Largest number of dimensions of a tensor; weights have one or two. */
const MAX_DIMS = 8;

/** Bytes per element of the types of the format whose elements are whole bytes. */
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
 * @returns bytes of JSON that follow the prefix; at most {@link MOST_HEADER_BYTES}
 * @throws EngineError `checkpoint` when the file is too short or the length is impossible
 */
export function headerLength(prefix: Uint8Array, fileBytes: number, what: string): number {
  if (prefix.length < 8 || fileBytes < 8) {
    fail(
      ...[what, 'at least 8 bytes of header length', `a file of ${fileBytes} bytes`],
      `${what} is no safetensors file: it has only ${fileBytes} bytes.`,
    );
  }
  const length = new DataView(prefix.buffer, prefix.byteOffset, 8).getBigUint64(0, true);
  if (length < 2n || length > BigInt(fileBytes - 8)) {
    throw new EngineError('checkpoint', {
      what,
      expected: `a header length from 2 to ${fileBytes - 8} bytes`,
      found: `${length}`,
      action: DOWNLOAD_AGAIN,
      sentence: `${what} is no complete safetensors file: its first bytes are not the length of a header that fits into its ${fileBytes} bytes.`,
    });
  }
  if (length > BigInt(MOST_HEADER_BYTES)) {
    fail(
      ...[what, `a header of at most ${MOST_HEADER_BYTES} bytes`, `one of ${length} bytes`],
      `The header of ${what} is too large: it has ${length} bytes, and at most ${MOST_HEADER_BYTES} are read.`,
    );
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
  const crowd = crowdIn(json);
  if (crowd === 'objects') {
    const sentence = `${what} holds more than ${MOST_TENSORS} tensors.`;
    fail(what, `at most ${MOST_TENSORS} tensors`, 'more of them', sentence);
  }
  if (crowd === 'marks') {
    const sentence = `The header of ${what} lists more than ${MOST_TENSORS} tensors have.`;
    fail(what, `a header of at most ${MOST_TENSORS} tensors`, 'more texts and lists', sentence);
  }
  const header = parseJsonObject(json, `${what}: header`);
  const dataStart = 8 + json.length;
  const entries: TensorEntry[] = [];
  for (const name of Object.keys(header)) {
    if (name === '__metadata__') continue;
    const value = header[name];
    const entry = entryOf(name, value, dataStart);
    if (entry === null) failEntry(name, value, what);
    entries.push(entry);
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
        `${what} is damaged: tensor ${shown(entry.name)} ${relation}.`,
      );
    }
    covered = entry.end;
  }
  if (covered !== fileBytes) {
    const isShort = fileBytes < covered;
    throw new EngineError('checkpoint', {
      what,
      expected: `a file of ${covered} bytes, as its header says`,
      found: `${fileBytes} bytes`,
      action: isShort ? 'Download the file again.' : DOWNLOAD_AGAIN,
      sentence: isShort
        ? `${what} is cut short: it has ${fileBytes} of the ${covered} bytes that its header announces, as after a download that was interrupted.`
        : `${what} has ${fileBytes - covered} bytes more than its header announces.`,
    });
  }
  return entries;
}

/** The entry that a header describes; null where it is wrong. */
function entryOf(name: string, value: unknown, dataStart: number): TensorEntry | null {
  if (typeof value !== 'object' || value === null) return null;
  const { dtype, shape, data_offsets: offsets } = value as Record<string, unknown>;
  const elements = countElements(shape);
  if (typeof dtype !== 'string' || elements === undefined || !isSpan(offsets)) return null;
  const [begin, end] = offsets;
  // Types that the format got later have a size we do not know: nothing reads such tensors.
  const size = ELEMENT_BYTES.get(dtype);
  if (size !== undefined && end - begin !== elements * size) return null;
  const dims = shape as readonly number[];
  return { name, dtype, dims, elements, begin: dataStart + begin, end: dataStart + end };
}

/** Says what is wrong with an entry. */
function failEntry(name: string, value: unknown, file: string): never {
  const failHere = (expected: string, found: string): never =>
    fail(
      ...[`${file}: tensor ${shown(name)}`, expected, found],
      `${file} is damaged: tensor ${shown(name)} must have ${expected}${found === 'nothing' ? '' : `, but has ${found}`}.`,
    );
  if (typeof value !== 'object' || value === null) {
    return failHere('dtype, shape and data_offsets', shown(value));
  }
  const { dtype, shape, data_offsets: offsets } = value as Record<string, unknown>;
  if (typeof dtype !== 'string') return failHere('a dtype', shown(dtype));
  const elements = countElements(shape);
  if (elements === undefined) {
    return failHere(
      `a shape of at most ${MAX_DIMS} whole numbers that fits in a file`,
      shown(shape),
    );
  }
  if (!isSpan(offsets)) {
    return failHere('data_offsets of two whole numbers in order', shown(offsets));
  }
  const bytes = elements * ELEMENT_BYTES.get(dtype)!;
  return failHere(
    `${bytes} bytes for ${shown(shape)} of ${dtype}`,
    `${offsets[1] - offsets[0]} bytes`,
  );
}

/** Product of the dimensions; undefined when they are none, or too many or large. */
function countElements(shape: unknown): number | undefined {
  if (!Array.isArray(shape) || shape.length > MAX_DIMS) return undefined;
  let elements = 1;
  for (const dim of shape as unknown[]) {
    if (!isNatural(dim)) return undefined;
    elements *= dim;
  }
  return Number.isSafeInteger(elements) ? elements : undefined;
}

function isSpan(value: unknown): value is [begin: number, end: number] {
  if (!Array.isArray(value) || value.length !== 2) return false;
  const [begin, end] = value as unknown[];
  return isNatural(begin) && isNatural(end) && begin <= end;
}

/**
 * Quotes, braces and brackets of JSON about tensors: one of them has 13 in a header, and 4 in a list of
 * shards. Each text and list takes time to parse: 300 thousand in 4 MB of notes 150 ms.
 */
const MOST_MARKS = 16 * MOST_TENSORS;

const [QUOTE, BRACKET, BRACE] = [34, 91, 123];

/**
 * Looks whether JSON about tensors holds more than that of any model, before it is parsed.
 * @returns  of what there are too many: objects, or texts and lists; null when there are not
 */
export function crowdIn(json: Uint8Array): 'objects' | 'marks' | null {
  let [objects, marks] = [0, 0];
  for (let at = 1; at < json.length; at++) {
    const byte = json[at];
    if (byte !== QUOTE && byte !== BRACKET && byte !== BRACE) continue;
    if (byte === BRACE && ++objects > MOST_TENSORS) return 'objects';
    if (++marks > MOST_MARKS) return 'marks';
  }
  return null;
}

function isNatural(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function fail(what: string, expected: string, found: string, sentence: string): never {
  throw new EngineError('checkpoint', {
    what,
    ...{ expected, found, sentence },
    action: DOWNLOAD_AGAIN,
  });
}
