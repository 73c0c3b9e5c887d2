import { MOST_HEADER_BYTES, MOST_TENSORS } from '../../protocol/bounds.ts';
import { EngineError } from '../../protocol/errors.ts';
import type { BitmaskForm } from './bitmaskPacking.ts';
import { explainNoWeights } from './folderContents.ts';
import { parseJsonObject } from './jsonObject.ts';
import {
  checkFileName,
  type FileIdentity,
  hasFile,
  isMissing,
  readSmallFile,
} from './modelFolder.ts';
import { readSafetensorsIndex, type SafetensorsIndex } from './safetensorsFile.ts';
import { crowdIn, type TensorEntry } from './safetensorsHeader.ts';
import { shown } from './shown.ts';
import { expectNoStandIn } from './standIn.ts';

/** A tensor and the file that holds it. */
export interface LocatedTensor {
  readonly file: string;
  /** What the file was when its header was read: its tensors are read from no other. */
  readonly identity: FileIdentity;
  /** Name, type and dimensions of the tensor; its bytes, unless it is packed. */
  readonly entry: TensorEntry;
  /** Where its parts lie when it is stored without its zeros. */
  readonly packed?: PackedParts;
}

/** The parts of a map that is stored without its zeros. */
export interface PackedParts {
  readonly form: BitmaskForm;
  /** Kept values, in the map's own file. */
  readonly values: TensorEntry;
  readonly bits: LocatedTensor;
  /** Number of values before each row; null in the form that needs none. */
  readonly rowOffsets: LocatedTensor | null;
}

/** All tensors of a model folder. */
export interface TensorIndex {
  readonly files: readonly SafetensorsIndex[];
  readonly tensors: ReadonlyMap<string, LocatedTensor>;
  /** True when a list of shards lies beside a whole model in one file, which alone is read. */
  readonly isDoubtful?: boolean;
}

/** The whole model in one file. */
export const SINGLE_FILE = 'model.safetensors';

/** The list of tensors of a model in several files. */
export const SHARD_INDEX_FILE = 'model.safetensors.index.json';

/** Most shards read; the largest public checkpoints have a few hundred. */
const MAX_SHARDS = 10_000;

/**
 * Finds every tensor of a model folder by reading the headers of its safetensors files.
 *
 * @param folder  as `resolveFolder` gives it
 * @throws EngineError `checkpoint` for missing shards, names that leave the folder, tensors
 *   present twice, and everything a header can have wrong
 */
export async function readTensorIndex(folder: string): Promise<TensorIndex> {
  if (await hasFile(folder, SINGLE_FILE)) {
    const index = collect([await readSafetensorsIndex(folder, SINGLE_FILE)]);
    return { ...index, isDoubtful: await hasFile(folder, SHARD_INDEX_FILE) };
  }
  if (!(await hasFile(folder, SHARD_INDEX_FILE))) {
    return explainNoWeights(folder);
  }
  const list = await readSmallFile(folder, SHARD_INDEX_FILE, MOST_HEADER_BYTES);
  expectNoStandIn(list, SHARD_INDEX_FILE);
  const shards = shardsOf(list);
  await expectAllShards(folder, shards);
  const files: SafetensorsIndex[] = [];
  let tensors = 0;
  for (const shard of shards) {
    const file = await readSafetensorsIndex(folder, shard);
    tensors += file.entries.length;
    if (tensors > MOST_TENSORS) {
      fail(
        `at most ${MOST_TENSORS} tensors`,
        'more of them',
        `The weight files hold more than ${MOST_TENSORS} tensors.`,
      );
    }
    files.push(file);
  }
  // The headers say what is where. A list that names more than there is, e.g. a head that was tied when
  // the model was saved, does no harm: a tensor that the model needs is missed by whoever looks for it.
  return collect(files);
}

/** A download that was interrupted lacks several shards: all of them are named at once. */
async function expectAllShards(folder: string, shards: readonly string[]): Promise<void> {
  const missing: string[] = [];
  for (const shard of shards) {
    checkFileName(shard);
    if (await isMissing(folder, shard)) missing.push(shard);
  }
  if (missing.length === 0) return;
  const named = missing.slice(0, 3).map(shown).join(', ');
  const more = missing.length > 3 ? ` and ${missing.length - 3} more` : '';
  throw new EngineError('checkpoint', {
    what: SHARD_INDEX_FILE,
    expected: `${shards.length} weight files`,
    found: `no such file: ${named}${more}`,
    action: 'Download the missing files into the model folder.',
    sentence: `${missing.length} of the ${shards.length} weight files of the model are missing: ${named}${more}.`,
  });
}

/** Names of the weight files, each once. */
function shardsOf(bytes: Uint8Array): string[] {
  if (crowdIn(bytes) !== null) {
    const sentence = `${SHARD_INDEX_FILE} lists more than ${MOST_TENSORS} tensors have.`;
    fail(`a list of at most ${MOST_TENSORS} tensors`, 'more texts and lists', sentence);
  }
  const { weight_map: map } = parseJsonObject(bytes, SHARD_INDEX_FILE);
  if (typeof map !== 'object' || map === null || Array.isArray(map)) {
    fail('an object "weight_map"', shown(map), `${SHARD_INDEX_FILE} has no object "weight_map".`);
  }
  const entries = Object.entries(map);
  if (entries.length === 0) {
    fail(
      'at least one tensor in "weight_map"',
      'none',
      `"weight_map" in ${SHARD_INDEX_FILE} names no tensor.`,
    );
  }
  for (const [name, shard] of entries) {
    if (typeof shard === 'string') continue;
    const sentence = `${SHARD_INDEX_FILE} gives ${shown(shard)} as the file of ${shown(name)}.`;
    fail(`a file name for ${shown(name)}`, shown(shard), sentence);
  }
  const shards = [...new Set(entries.map(([, shard]) => shard as string))].sort();
  if (shards.length > MAX_SHARDS) {
    const sentence = `${SHARD_INDEX_FILE} names ${shards.length} weight files; at most ${MAX_SHARDS} are read.`;
    fail(`at most ${MAX_SHARDS} shards`, `${shards.length}`, sentence);
  }
  return shards;
}

function collect(files: readonly SafetensorsIndex[]): TensorIndex {
  const tensors = new Map<string, LocatedTensor>();
  for (const { file, identity, entries } of files) {
    for (const entry of entries) {
      const twin = tensors.get(entry.name);
      if (twin !== undefined) {
        const found = `it in ${twin.file} and in ${file}`;
        const sentence = `Tensor ${shown(entry.name)} is in two files, ${twin.file} and ${file}.`;
        fail(`tensor ${shown(entry.name)} once`, found, sentence);
      }
      tensors.set(entry.name, { file, identity, entry });
    }
  }
  return { files, tensors };
}

function fail(expected: string, found: string, sentence: string): never {
  throw new EngineError('checkpoint', {
    what: SHARD_INDEX_FILE,
    expected,
    ...{ found, sentence },
    action: 'Download or copy all files of the model folder again.',
  });
}
