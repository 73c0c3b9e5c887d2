import { createHash } from 'node:crypto';
import { type Companion, readCompanions } from './companions.ts';
import { ConfigReader } from './configReader.ts';
import type { Family } from './families/family.ts';
import { familyOf } from './families/registry.ts';
import { missingTensor, otherShape, type SizedFamily } from './misfitTensor.ts';
import { readModelConfig, stockTypeOf } from './modelConfig.ts';
import { resolveFolder } from './modelFolder.ts';
import type { ModelShape } from '../model/modelShape.ts';
import { type StoredHead, storedHead, tensorNamed } from './outputHead.ts';
import { withPackedMaps } from './packedTensors.ts';
import { readableDtype, type SafetensorsIndex } from './safetensorsFile.ts';
import { sparsityFormatOf } from './sparsityFormat.ts';
import { type LocatedTensor, readTensorIndex, type TensorIndex } from './tensorIndex.ts';
import { holds, tensorName, type TensorSpec, tensorTable } from './tensorTable.ts';

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
  /** `config.json` as found, but with `tie_word_embeddings` as the weights have it. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly family: Family;
  readonly shape: ModelShape;
  /** Every tensor the model needs, in the order of the forward pass. */
  readonly tensors: readonly CheckpointTensor[];
  /** How the output head is stored. */
  readonly head: StoredHead;
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

/**
 * Opens a Hugging Face model folder and checks everything that can be checked without the
 * weights. Of those, only a head that is there although the configuration ties it is looked at.
 *
 * @param dir  the folder
 * @throws EngineError `checkpoint` with what was expected and found
 */
export async function openCheckpoint(dir: string): Promise<Checkpoint> {
  const folder = await resolveFolder(dir);
  const { bytes: configBytes, config } = await readModelConfig(folder);
  const family = familyOf(config, stockTypeOf(config));
  const configured = family.parse(new ConfigReader(config));
  const index = await readCheckpointIndex(folder, config);
  const head = await storedHead(folder, index, family, configured);
  const shape = head === 'separate' ? { ...configured, tiedEmbeddings: false } : configured;
  const tensors = tensorTable(family, shape).map((spec) => locate(index, spec, { family, shape }));
  const used = new Set(tensors.map(({ located }) => located.entry.name));
  if (head === 'copy') used.add(tensorName(family, 'head', null));
  return {
    folder,
    config: head === 'separate' ? { ...config, tie_word_embeddings: false } : config,
    family,
    shape,
    tensors,
    head,
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

/** Finds a tensor and checks its type and shape. */
function locate(index: TensorIndex, spec: TensorSpec, model: SizedFamily): CheckpointTensor {
  const located = tensorNamed(index, spec.name) ?? twinOf(index, spec, model);
  if (located === undefined) throw missingTensor(index, spec, model);
  const { dims } = located.entry;
  const equal = dims.length === spec.dims.length && dims.every((dim, i) => dim === spec.dims[i]);
  if (!equal) throw otherShape(index, located, spec);
  readableDtype(located.entry, located.file);
  return { spec, located };
}

/** The head in place of the embedding table: some programs save a tied pair under the head's name. */
function twinOf(
  index: TensorIndex,
  spec: TensorSpec,
  { family, shape }: SizedFamily,
): LocatedTensor | undefined {
  if (!holds(spec, 'embedding') || !shape.tiedEmbeddings) return undefined;
  return tensorNamed(index, tensorName(family, 'head', null));
}

function fingerprintOf(configBytes: Uint8Array, index: TensorIndex): string {
  const hash = createHash('sha256');
  hash.update(`${configBytes.length}\n`).update(configBytes);
  for (const { file, bytes, header } of index.files) {
    hash.update(`${file}\n${bytes}\n${header.length}\n`).update(header);
  }
  return hash.digest('hex');
}
