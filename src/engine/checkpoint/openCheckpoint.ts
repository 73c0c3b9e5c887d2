import { createHash } from 'node:crypto';
import { type Companion, readCompanions } from './companions.ts';
import { ConfigReader } from './configReader.ts';
import type { Family } from './families/family.ts';
import { familyOf } from './families/registry.ts';
import { missingTensor, otherShape, type SizedFamily } from './misfitTensor.ts';
import { type ModelConfig, readModelConfig, stockTypeOf } from './modelConfig.ts';
import { resolveFolder } from './modelFolder.ts';
import type { ModelShape } from '../model/modelShape.ts';
import { denseSubnet, isUneven } from '../model/subnet.ts';
import { type StoredHead, storedHead, tensorNamed } from './outputHead.ts';
import { withPackedMaps } from './packedTensors.ts';
import { readableDtype, type SafetensorsIndex } from './safetensorsFile.ts';
import { type SlicedTensor, slicedTensors } from './slicedTensors.ts';
import { sparsityFormatOf } from './sparsityFormat.ts';
import type { StoredTensor } from './storedParts.ts';
import { readPerLayerSizes } from './perLayerSizes.ts';
import { isOnlySliced, readSlicedConfig, type SlicedModel, withHeld } from './subnetBlock.ts';
import { expectNoMore, expectSaneGrowth, unlikeMasks } from './slicedCheckpoint.ts';
import { type LocatedTensor, readTensorIndex, type TensorIndex } from './tensorIndex.ts';
import { holds, tensorName, type TensorSpec, tensorTable } from './tensorTable.ts';

/** A tensor the model needs and where it lies. */
export interface CheckpointTensor {
  readonly spec: TensorSpec;
  readonly located: LocatedTensor;
  /** What the file holds of it: all of it, or the rows of units that were not removed before. */
  readonly stored: StoredTensor;
}

/** A file of weights. */
export type CheckpointFile = Pick<SafetensorsIndex, 'file' | 'bytes' | 'identity'>;

/** A model folder whose configuration and tensor headers were checked; no weight is read yet. */
export interface Checkpoint {
  /** Absolute path of the folder, links resolved. */
  readonly folder: string;
  /**
   * `config.json` as found, but with `tie_word_embeddings` as the weights have it; of a sliced checkpoint
   * that of the model it was sliced from.
   */
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
 * Opens a model folder, be it one of Hugging Face or a sliced checkpoint of ours, and checks everything
 * that can be checked without the weights. Of those, only a head that is there although the
 * configuration ties it is looked at.
 *
 * @param dir  the folder
 * @throws EngineError `checkpoint` with what was expected and found
 */
export async function openCheckpoint(dir: string): Promise<Checkpoint> {
  const folder = await resolveFolder(dir);
  const found = await readModelConfig(folder);
  const model = isOnlySliced(found.config) ? readSlicedConfig(found.config) : plainModel(found);
  return openModel(folder, found, model);
}

/**
 * Opens a sliced checkpoint of ours by its masks, also where it can be read as a plain smaller model.
 *
 * @param dir  the folder
 * @throws EngineError as {@link openCheckpoint}, and `checkpoint` for another folder
 */
export async function openSliced(dir: string): Promise<Checkpoint> {
  const folder = await resolveFolder(dir);
  const found = await readModelConfig(folder);
  return openModel(folder, found, readSlicedConfig(found.config));
}

function plainModel({ config }: ModelConfig): SlicedModel {
  const family = familyOf(config, stockTypeOf(config));
  const blockNumber = (layer: number): number => layer;
  const sizes = readPerLayerSizes(config, family);
  if (sizes !== null) {
    const shape = withHeld(sizes.shape, sizes.held);
    return { config: sizes.config, family, shape, blockNumber };
  }
  return { config, family, shape: family.parse(new ConfigReader(config)), blockNumber };
}

async function openModel(
  folder: string,
  found: ModelConfig,
  { config, family, shape: configured, blockNumber }: SlicedModel,
): Promise<Checkpoint> {
  const { bytes: configBytes } = found;
  const index = await readCheckpointIndex(folder, found.config);
  const head = await storedHead(folder, index, family, configured);
  const shape = head === 'separate' ? { ...configured, tiedEmbeddings: false } : configured;
  const sliced = isUneven(shape);
  if (sliced) expectSaneGrowth(shape, index);
  const tensors = sliced
    ? slicedTensors(family, shape, denseSubnet(shape), blockNumber).map((one) =>
        locateSliced(index, one),
      )
    : tensorTable(family, shape).map((spec) => locate(index, spec, { family, shape }));
  const used = new Set(tensors.map(({ located }) => located.entry.name));
  if (head === 'copy') used.add(tensorName(family, 'head', null));
  const unused = [...index.tensors.keys()].filter((name) => !used.has(name));
  if (sliced) expectNoMore(unused, { family, shape });
  return {
    folder,
    config: head === 'separate' ? { ...config, tie_word_embeddings: false } : config,
    family,
    shape,
    tensors,
    head,
    unused,
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
  return { spec, located, stored: spec };
}

/** Finds what a sliced checkpoint holds of a tensor. */
function locateSliced(index: TensorIndex, stored: SlicedTensor): CheckpointTensor {
  const located = tensorNamed(index, stored.name);
  if (located?.entry.dims.join() !== stored.dims.join()) throw unlikeMasks(stored, located);
  readableDtype(located.entry, located.file);
  return { spec: stored.spec, located, stored };
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
