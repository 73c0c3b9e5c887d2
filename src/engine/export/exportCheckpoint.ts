import { realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError } from '../../protocol/errors.ts';
import { tensorOf } from '../checkpoint/assembleWeights.ts';
import { hasFile, readSmallFile } from '../checkpoint/modelFolder.ts';
import type { ModelWeights } from '../checkpoint/modelWeights.ts';
import { CONFIG_FILE, type Checkpoint } from '../checkpoint/openCheckpoint.ts';
import { type TensorToWrite, writeSafetensors } from '../checkpoint/safetensorsWriter.ts';
import type { StoredDtype } from '../checkpoint/storedFloats.ts';
import { SINGLE_FILE } from '../checkpoint/tensorIndex.ts';
import { transpose } from '../checkpoint/transpose.ts';
import { gatherRows } from '../graphs/keptRows.ts';
import { encodeSubnet } from '../subnet/encode.ts';
import { subnetKey } from '../subnet/key.ts';
import { assertLegal } from '../subnet/legal.ts';
import type { Subnet } from '../subnet/subnet.ts';
import { checkpointReadme } from './checkpointReadme.ts';
import type { ExportOptions, Written } from './exportOnnx.ts';
import { MODELING_CLASSES, MODELING_FILE, modelingSource } from './modelingSubnet.ts';
import { slicedTensors, type SlicedTensor } from './slicedTensors.ts';
import { type Loadable, stockLayout, type StockLayout } from './stockLayout.ts';
import { makeFolder, writeWhole } from './writeFile.ts';

/** Version of the `subnet` block of a sliced checkpoint's configuration. */
export const SUBNET_BLOCK_VERSION = 1;

/** Files of a model folder that go along with the weights; others are not copied. */
const COMPANION_FILES = [
  'tokenizer.json',
  'tokenizer_config.json',
  'tokenizer.model',
  'special_tokens_map.json',
  'added_tokens.json',
  'vocab.json',
  'merges.txt',
  'chat_template.jinja',
  'generation_config.json',
] as const;

/** Largest companion file copied, bytes; the largest public tokenizers have about 40 MB. */
const MAX_COMPANION_BYTES = 256_000_000;

const DTYPE_NAMES: Readonly<Record<StoredDtype, string>> = {
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
};

/** What a sliced checkpoint is made of besides the weights. */
export type CheckpointSource = Pick<Checkpoint, 'folder' | 'config' | 'family'>;

/** A written checkpoint and whether stock programs can load it. */
export interface WrittenCheckpoint extends Written {
  readonly loadable: Loadable;
}

/**
 * Writes a small dense checkpoint: exact sliced tensors under Hugging Face's names, config.json with
 * a `subnet` block, the tokenizer, a README, and a torch module where stock code cannot build it.
 *
 * config.json goes first and comes last, so a crash leaves no folder that looks whole but is not.
 * @param dir  made if needed; not the source's folder
 * @throws EngineError `disk`, `numeric`, `cancelled`; `shape` for an illegal subnet
 */
export async function exportCheckpoint(
  dir: string,
  weights: ModelWeights,
  subnet: Subnet,
  source: CheckpointSource,
  options: ExportOptions,
): Promise<WrittenCheckpoint> {
  const { shape } = weights;
  assertLegal(shape, subnet);
  await makeFolder(dir);
  await refuseSource(dir, source.folder);
  const layout = stockLayout(shape, subnet);
  const tensors = slicedTensors(source.family, shape, subnet, layout.blockNumber);
  await rm(join(dir, CONFIG_FILE), { force: true });
  let bytes = await writeSafetensors(
    join(dir, SINGLE_FILE),
    tensors.map((tensor) => tensorToWrite(weights, tensor)),
    { dtype: options.dtype, signal: options.signal },
  );
  bytes += await copyCompanions(source.folder, dir);
  const className = layout.loadable.transformers ? undefined : MODELING_CLASSES.get(shape.family);
  if (className !== undefined) {
    bytes += await written(dir, MODELING_FILE, modelingSource());
  }
  await writeWhole(join(dir, 'README.md'), checkpointReadme(shape, layout.loadable, className));
  const config = configOf(weights, subnet, source, layout, options, className);
  bytes += await written(dir, CONFIG_FILE, `${JSON.stringify(config, null, 2)}\n`);
  return { path: dir, bytes, loadable: layout.loadable };
}

function tensorToWrite(weights: ModelWeights, tensor: SlicedTensor): TensorToWrite {
  const { spec, rows } = tensor;
  const { hidden } = weights.shape;
  return {
    name: tensor.name,
    dims: tensor.dims,
    values: () => {
      const data = tensorOf(weights, spec.slot, spec.layer)!;
      const width = spec.dims.length === 1 ? 1 : hidden;
      const kept = rows === null ? data : gatherRows(data, width, rows);
      return spec.transposed ? transpose(kept, kept.length / hidden, hidden) : kept;
    },
  };
}

function configOf(
  weights: ModelWeights,
  subnet: Subnet,
  source: CheckpointSource,
  layout: StockLayout,
  options: ExportOptions,
  className: string | undefined,
): Record<string, unknown> {
  const { config } = source;
  const changed = { ...layout.overrides, ...(layout.loadable.transformers ? {} : ownType(config)) };
  const original = Object.fromEntries(
    Object.keys(changed).map((field) => [field, config[field] ?? null]),
  );
  return {
    ...config,
    ...changed,
    // Every version of transformers reads the older name, new ones write the shorter.
    torch_dtype: DTYPE_NAMES[options.dtype],
    ...(Object.hasOwn(config, 'dtype') ? { dtype: DTYPE_NAMES[options.dtype] } : {}),
    ...perLayerFields(layout),
    ...(className === undefined
      ? {}
      : {
          auto_map: {
            AutoConfig: 'modeling_subnet.SubnetLlamaConfig',
            AutoModelForCausalLM: `modeling_subnet.${className}`,
          },
        }),
    subnet: {
      version: SUBNET_BLOCK_VERSION,
      key: subnetKey(subnet),
      source_fingerprint: options.origin.sourceFingerprint,
      engine_version: options.origin.engineVersion,
      loadable: layout.loadable,
      // What the fields above were before; null where the source did not have one.
      original,
      head_dim: weights.shape.headDim,
      masks: encodeSubnet(subnet),
    },
  };
}

/**
 * A model type of our own where stock code cannot build the model: under the source's type it would
 * give removed sublayers random weights and only warn.
 */
function ownType(config: Readonly<Record<string, unknown>>): Record<string, string> {
  return { model_type: `subnet_${String(config['model_type'])}` };
}

function perLayerFields({ perLayer }: StockLayout): Record<string, unknown> {
  if (Object.keys(perLayer).length === 0) return {};
  // Without this, the configuration class of transformers cannot even check its own global fields.
  return { per_layer_config: perLayer, allow_global_per_layer_attribute_access: true };
}

async function copyCompanions(from: string, to: string): Promise<number> {
  let bytes = 0;
  for (const name of COMPANION_FILES) {
    if (!(await hasFile(from, name))) continue;
    bytes += await written(to, name, await readSmallFile(from, name, MAX_COMPANION_BYTES));
  }
  return bytes;
}

async function written(dir: string, name: string, data: string | Uint8Array): Promise<number> {
  await writeWhole(join(dir, name), data);
  return Buffer.byteLength(data);
}

async function refuseSource(dir: string, folder: string): Promise<void> {
  if ((await realpath(dir)) !== folder) return;
  throw new EngineError('disk', {
    what: `Export folder ${dir}`,
    expected: 'another folder than the source model',
    found: 'the source model itself',
    action: 'Choose a new folder; the source model is never written to.',
  });
}
