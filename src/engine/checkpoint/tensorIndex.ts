import { EngineError } from '../../protocol/errors.ts';
import type { BitmaskForm } from './bitmaskPacking.ts';
import { parseJsonObject } from './jsonObject.ts';
import { type FileIdentity, hasFile, readSmallFile } from './modelFolder.ts';
import { readSafetensorsIndex, type SafetensorsIndex } from './safetensorsFile.ts';
import type { TensorEntry } from './safetensorsHeader.ts';
import { shown } from './shown.ts';

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
}

/** The whole model in one file. */
export const SINGLE_FILE = 'model.safetensors';

/** The list of tensors of a model in several files. */
export const SHARD_INDEX_FILE = 'model.safetensors.index.json';

/** Largest shard index read, bytes; one of a 100,000-tensor model is about 10 MB. */
const MAX_INDEX_BYTES = 64_000_000;

/** Most shards read; the largest public checkpoints have a few hundred. */
const MAX_SHARDS = 10_000;

/**
 * Finds every tensor of a model folder by reading the headers of its safetensors files.
 *
 * @param folder  as `resolveFolder` gives it
 * @throws EngineError `checkpoint` for missing shards, names that leave the folder, tensors listed
 *   but absent, tensors present twice, and everything a header can have wrong
 */
export async function readTensorIndex(folder: string): Promise<TensorIndex> {
  if (await hasFile(folder, SINGLE_FILE)) {
    return collect([await readSafetensorsIndex(folder, SINGLE_FILE)]);
  }
  if (!(await hasFile(folder, SHARD_INDEX_FILE))) {
    throw new EngineError('checkpoint', {
      what: `Model folder ${folder}`,
      expected: `${SINGLE_FILE} or ${SHARD_INDEX_FILE}`,
      found: 'neither',
      action: 'Save the model in safetensors format (save_pretrained does so).',
    });
  }
  const weightMap = parseWeightMap(await readSmallFile(folder, SHARD_INDEX_FILE, MAX_INDEX_BYTES));
  const shards = [...new Set(weightMap.values())].sort();
  if (shards.length > MAX_SHARDS) fail(`at most ${MAX_SHARDS} shards`, `${shards.length}`);
  const files: SafetensorsIndex[] = [];
  for (const shard of shards) files.push(await readSafetensorsIndex(folder, shard));
  const index = collect(files);
  for (const [name, shard] of weightMap) {
    const found = index.tensors.get(name)?.file;
    if (found !== shard) {
      fail(`tensor ${shown(name)} in ${shard}`, found === undefined ? 'none' : `it in ${found}`);
    }
  }
  return index;
}

function parseWeightMap(bytes: Uint8Array): Map<string, string> {
  const { weight_map: map } = parseJsonObject(bytes, SHARD_INDEX_FILE);
  if (typeof map !== 'object' || map === null || Array.isArray(map)) {
    fail('an object "weight_map"', shown(map));
  }
  const entries = Object.entries(map);
  if (entries.length === 0) fail('at least one tensor in "weight_map"', 'none');
  for (const [name, shard] of entries) {
    // The names are checked against leaving the folder where they are opened.
    if (typeof shard !== 'string') fail(`a file name for ${shown(name)}`, shown(shard));
  }
  return new Map(entries as [string, string][]);
}

function collect(files: readonly SafetensorsIndex[]): TensorIndex {
  const tensors = new Map<string, LocatedTensor>();
  for (const { file, identity, entries } of files) {
    for (const entry of entries) {
      const twin = tensors.get(entry.name);
      if (twin !== undefined) {
        fail(`tensor ${shown(entry.name)} once`, `it in ${twin.file} and in ${file}`);
      }
      tensors.set(entry.name, { file, identity, entry });
    }
  }
  return { files, tensors };
}

function fail(expected: string, found: string): never {
  throw new EngineError('checkpoint', {
    what: SHARD_INDEX_FILE,
    expected,
    found,
    action: 'Download or copy all files of the model folder again.',
  });
}
