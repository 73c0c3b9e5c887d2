import { createHash } from 'node:crypto';
import { EngineError } from '../../protocol/errors.ts';
import { type Companion, readCompanions } from './companions.ts';
import { ConfigReader } from './configReader.ts';
import type { Family } from './families/family.ts';
import { familyOfModelType } from './families/registry.ts';
import { parseJsonObject } from './jsonObject.ts';
import { readSmallFile, resolveFolder } from './modelFolder.ts';
import type { ModelShape } from './modelShape.ts';
import { withPackedMaps } from './packedTensors.ts';
import { readableDtype, type SafetensorsIndex } from './safetensorsFile.ts';
import { shown } from './shown.ts';
import { sparsityFormatOf } from './sparsityFormat.ts';
import { type LocatedTensor, readTensorIndex, type TensorIndex } from './tensorIndex.ts';
import { type TensorSpec, tensorTable } from './tensorTable.ts';

/** A tensor the model needs and where it lies. */
export interface CheckpointTensor {
  readonly spec: TensorSpec;
  readonly located: LocatedTensor;
}

/** A file of weights. */
export type CheckpointFile = Pick<SafetensorsIndex, 'file' | 'bytes' | 'identity'>;

/** A model folder whose configuration and tensor headers were checked; no weight is read yet. */
export interface Checkpoint {
  /** Absolute path of the folder, links resolved. */
  readonly folder: string;
  /** `config.json` as found. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly family: Family;
  readonly shape: ModelShape;
  /** Every tensor the model needs, in the order of the forward pass. */
  readonly tensors: readonly CheckpointTensor[];
  /** Names of tensors in the files that the model does not need. */
  readonly unused: readonly string[];
  /** The bytes of `config.json`. */
  readonly configBytes: Uint8Array;
  /** The safetensors files, their sizes, and what they were when they were opened. */
  readonly files: readonly CheckpointFile[];
  /** SHA-256 of the configuration, all headers and file sizes, hex; cheap, blind to weight values. */
  readonly fingerprint: string;
}

/** A checkpoint with the small files that its exports take along. */
export interface Source extends Checkpoint {
  readonly companions: readonly Companion[];
}

/** The model's configuration. */
export const CONFIG_FILE = 'config.json';

/** Largest `config.json` read, bytes; real ones have a few thousand. */
const MAX_CONFIG_BYTES = 4_000_000;

/**
 * Opens a Hugging Face model folder and checks everything that can be checked without the weights.
 *
 * @param dir  the folder
 * @throws EngineError `checkpoint` with what was expected and found
 */
export async function openCheckpoint(dir: string): Promise<Checkpoint> {
  const folder = await resolveFolder(dir);
  const configBytes = await readSmallFile(folder, CONFIG_FILE, MAX_CONFIG_BYTES);
  const config = parseJsonObject(configBytes, CONFIG_FILE);
  const reader = new ConfigReader(config);
  const family = familyOfModelType(stockTypeOf(config));
  const shape = family.parse(reader);
  const index = await readCheckpointIndex(folder, config);
  const tensors = tensorTable(family, shape).map((spec) => locate(index, spec));
  const used = new Set(tensors.map(({ located }) => located.entry.name));
  return {
    folder,
    config,
    family,
    shape,
    tensors,
    unused: [...index.tensors.keys()].filter((name) => !used.has(name)),
    configBytes,
    files: index.files.map(({ file, bytes, identity }) => ({ file, bytes, identity })),
    fingerprint: fingerprintOf(configBytes, index),
  };
}

/**
 * Opens a model folder to work on: its checkpoint, and the files that its exports take along.
 *
 * @param dir  the folder
 * @throws EngineError `checkpoint` as {@link openCheckpoint} and `readCompanions` do
 */
export async function openSource(dir: string): Promise<Source> {
  const checkpoint = await openCheckpoint(dir);
  return { ...checkpoint, companions: await readCompanions(checkpoint.folder) };
}

/**
 * Finds every tensor of a model folder, maps that are stored without their zeros among them.
 *
 * @param folder  as `resolveFolder` gives it
 * @param config  its `config.json`
 * @throws EngineError `checkpoint` as `readTensorIndex` does, and for a quantised checkpoint
 */
export async function readCheckpointIndex(
  folder: string,
  config: Readonly<Record<string, unknown>>,
): Promise<TensorIndex> {
  const form = sparsityFormatOf(config);
  const index = await readTensorIndex(folder);
  return form === null ? index : withPackedMaps(folder, index, form);
}

/**
 * The model type of a configuration. Our own exports hide it from programs that would misread a
 * stock layout: those that do not know how maps are packed would give them random weights.
 */
export function stockTypeOf(config: Readonly<Record<string, unknown>>): unknown {
  const { subnet, model_type: type } = config;
  if (typeof subnet !== 'object' || subnet === null) return type;
  const { stock_model_type: stock } = subnet as Readonly<Record<string, unknown>>;
  return stock ?? type;
}

/** Finds a tensor and checks its type and shape. */
function locate(index: TensorIndex, spec: TensorSpec): CheckpointTensor {
  // Checkpoints saved from the bare decoder lack the "model." of those with a head.
  const located =
    index.tensors.get(spec.name) ?? index.tensors.get(spec.name.replace(/^model\./, ''));
  const expected = `a tensor ${shown(spec.name)} of shape ${shown(spec.dims)}`;
  if (located === undefined) throw tensorError('The checkpoint', expected, 'no such tensor');
  const { dims } = located.entry;
  const equal = dims.length === spec.dims.length && dims.every((dim, i) => dim === spec.dims[i]);
  if (!equal) throw tensorError(located.file, expected, `shape ${shown(dims)}`);
  readableDtype(located.entry, located.file);
  return { spec, located };
}

function tensorError(what: string, expected: string, found: string): EngineError {
  const action = 'Use a config.json that belongs to these weights.';
  return new EngineError('checkpoint', { what, expected, found, action });
}

function fingerprintOf(configBytes: Uint8Array, index: TensorIndex): string {
  const hash = createHash('sha256');
  hash.update(`${configBytes.length}\n`).update(configBytes);
  for (const { file, bytes, header } of index.files) {
    hash.update(`${file}\n${bytes}\n${header.length}\n`).update(header);
  }
  return hash.digest('hex');
}
