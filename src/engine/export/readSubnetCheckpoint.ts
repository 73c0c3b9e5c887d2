import { EngineError } from '../../protocol/errors.ts';
import { assembleWeights, type TensorLookup } from '../checkpoint/assembleWeights.ts';
import { ConfigReader } from '../checkpoint/configReader.ts';
import { contentHash } from '../checkpoint/contentHash.ts';
import type { Family } from '../checkpoint/families/family.ts';
import { familyOf } from '../checkpoint/families/registry.ts';
import {
  CONFIG_FILE,
  MAX_EXPORT_CONFIG_BYTES,
  readModelConfig,
} from '../checkpoint/modelConfig.ts';
import { resolveFolder } from '../checkpoint/modelFolder.ts';
import type { ModelShape } from '../model/modelShape.ts';
import type { ModelWeights } from '../checkpoint/modelWeights.ts';
import { readCheckpointIndex } from '../checkpoint/openCheckpoint.ts';
import { readTensor } from '../checkpoint/readPacked.ts';
import { readableDtype } from '../checkpoint/safetensorsFile.ts';
import { shown } from '../checkpoint/shown.ts';
import { scatterParts, slotSizes } from '../checkpoint/storedParts.ts';
import { type StoredDtype, writableDtype } from '../checkpoint/storedFloats.ts';
import type { TensorIndex } from '../checkpoint/tensorIndex.ts';
import { tensorTable } from '../checkpoint/tensorTable.ts';
import { weightBytes } from '../checkpoint/weightBytes.ts';
import { decodeSubnet } from '../subnet/encode.ts';
import { subnetKey } from '../subnet/key.ts';
import type { Subnet } from '../model/subnet.ts';
import { SUBNET_BLOCK_VERSION } from './checkpointConfig.ts';
import { slicedTensors } from './slicedTensors.ts';
import { stockLayout } from './stockLayout.ts';
import { ownStorage, type Storage } from './storage.ts';

/** A sliced checkpoint read back as a candidate. */
export interface SubnetCheckpoint {
  /** Dense layout, zeros in removed rows. */
  readonly weights: ModelWeights;
  readonly subnet: Subnet;
  readonly config: Readonly<Record<string, unknown>>;
  /** Element types of its tensors, by their names in the source model. */
  readonly storage: Storage;
  readonly folder: string;
}

/**
 * Largest factor between the memory of the dense layout and the bytes on disk: a configuration that
 * lies about its sizes must not make us allocate without bound.
 */
const MAX_GROWTH = 64;

/** Growth is not looked at under so many bytes. */
const ALWAYS_FINE_BYTES = 1 << 26;

/**
 * Reads a checkpoint that `exportCheckpoint` or `exportCompressed` wrote.
 *
 * Memory: the weights of the dense model as float32 plus a few MB.
 * @throws EngineError `checkpoint` for a folder that is not such a checkpoint or is damaged,
 *   `decode` for masks that are not masks of this model, `cancelled`
 */
export async function readSubnetCheckpoint(
  dir: string,
  signal?: AbortSignal,
): Promise<SubnetCheckpoint> {
  const folder = await resolveFolder(dir);
  const { config, bytes } = await readModelConfig(folder, MAX_EXPORT_CONFIG_BYTES);
  const block = new ConfigReader(config).section('subnet');
  if (block === undefined) {
    const what = `${CONFIG_FILE}: "subnet"`;
    const sentence = `${CONFIG_FILE} has no "subnet", so the folder holds no sliced checkpoint.`;
    throw problem(what, 'the block of a sliced checkpoint', 'none', sentence);
  }
  block.require('version', SUBNET_BLOCK_VERSION, block.integer('version', { min: 0, max: 1e6 }));
  const values = config['subnet'] as Readonly<Record<string, unknown>>;
  const original = (values['original'] ?? {}) as Readonly<Record<string, unknown>>;
  const fields: Readonly<Record<string, unknown>> = { ...config, ...original };
  const family = familyOf(fields, fields['model_type']);
  const shape = family.parse(new ConfigReader(fields));
  const subnet = decodeSubnet(shape, values['masks'], `${CONFIG_FILE}: subnet.masks`);
  if (subnetKey(subnet) !== values['key']) {
    const found = shown(values['key']);
    const sentence = `The masks in ${CONFIG_FILE} are damaged: their key is ${subnetKey(subnet)}, but "subnet.key" says ${found}.`;
    throw problem(`${CONFIG_FILE}: "subnet.key"`, subnetKey(subnet), found, sentence);
  }
  const index = await readCheckpointIndex(folder, config);
  checkGrowth(shape, index);
  const { lookup, storage } = await readDense(folder, index, { family, shape, subnet }, signal);
  const content = { folder, configBytes: bytes, files: index.files };
  const weights = assembleWeights(shape, lookup, (stop) => contentHash(content, stop));
  return { weights, subnet, config, storage, folder };
}

/** True when a folder's configuration has a `subnet` block, so that this reader is the one to use. */
export function isSubnetConfig(config: Readonly<Record<string, unknown>>): boolean {
  return typeof config['subnet'] === 'object' && config['subnet'] !== null;
}

function checkGrowth(shape: ModelShape, index: TensorIndex): void {
  const needed = weightBytes(shape);
  const onDisk = index.files.reduce((sum, { bytes }) => sum + bytes, 0);
  if (needed <= Math.max(ALWAYS_FINE_BYTES, MAX_GROWTH * onDisk)) return;
  throw problem(
    CONFIG_FILE,
    `sizes of a model at most ${MAX_GROWTH} times the ${onDisk} bytes of its weights`,
    `a dense model of ${needed} bytes`,
    `${CONFIG_FILE} describes a dense model of ${needed} bytes, more than ${MAX_GROWTH} times the ${onDisk} bytes of its weights.`,
  );
}

async function readDense(
  folder: string,
  index: TensorIndex,
  model: { readonly family: Family; readonly shape: ModelShape; readonly subnet: Subnet },
  signal: AbortSignal | undefined,
): Promise<{ lookup: TensorLookup; storage: Storage }> {
  const { family, shape, subnet } = model;
  const { blockNumber } = stockLayout(shape, subnet);
  const arrays = new Map<string, Float32Array>();
  const types: (readonly [string, StoredDtype])[] = [];
  for (const tensor of slicedTensors(family, shape, subnet, blockNumber)) {
    const found = index.tensors.get(tensor.name);
    const expected = `tensor ${shown(tensor.name)} of shape ${shown(tensor.dims)}`;
    if (found === undefined) {
      const sentence = `The checkpoint ${folder} has no ${expected}.`;
      throw problem(folder, expected, 'no such tensor', sentence);
    }
    if (found.entry.dims.join() !== tensor.dims.join()) {
      const shape = `shape ${shown(found.entry.dims)}`;
      const sentence = `Tensor ${shown(tensor.name)} in ${found.file} has the ${shape}, but the masks leave ${shown(tensor.dims)}.`;
      throw problem(found.file, expected, shape, sentence);
    }
    types.push([tensor.spec.name, writableDtype(readableDtype(found.entry, found.file))]);
    for (const [slot, elements] of slotSizes(tensor.spec)) {
      arrays.set(`${slot} ${tensor.spec.layer}`, new Float32Array(elements));
    }
    const sink = scatterParts(tensor, (slot) => arrays.get(`${slot} ${tensor.spec.layer}`)!);
    await readTensor(folder, found, { rowSize: tensor.dims[1] ?? 1, signal, sink });
  }
  const zeros = zeroTensors(family, shape);
  const lookup: TensorLookup = (slot, layer) =>
    arrays.get(`${slot} ${layer}`) ?? zeros(slot, layer);
  return { lookup, storage: ownStorage(types) };
}

/** Arrays of removed sublayers: zeros, one array per size, since nobody writes to weights. */
function zeroTensors(
  family: Family,
  shape: ModelShape,
): (slot: string, layer: number | null) => Float32Array | null {
  const sizes = new Map<string, number>(
    tensorTable(family, shape).flatMap((spec) =>
      [...slotSizes(spec)].map(([slot, size]) => [`${slot} ${spec.layer}`, size] as const),
    ),
  );
  const shared = new Map<number, Float32Array>();
  return (slot, layer) => {
    const size = sizes.get(`${slot} ${layer}`);
    if (size === undefined) return null;
    const zeros = shared.get(size) ?? new Float32Array(size);
    shared.set(size, zeros);
    return zeros;
  };
}

function problem(what: string, expected: string, found: string, sentence: string): EngineError {
  const action = 'Export the checkpoint again, or restore the folder.';
  return new EngineError('checkpoint', { what, expected, found, action, sentence });
}
