import type { ModelWeights } from '../checkpoint/modelWeights.ts';
import { type Checkpoint, stockTypeOf } from '../checkpoint/openCheckpoint.ts';
import type { StoredDtype } from '../checkpoint/storedFloats.ts';
import { encodeSubnet } from '../subnet/encode.ts';
import { subnetKey } from '../subnet/key.ts';
import type { Subnet } from '../subnet/subnet.ts';
import type { ExportOptions } from './exportOnnx.ts';
import type { Loadable, StockLayout } from './stockLayout.ts';

/** Version of the `subnet` block of a sliced checkpoint's configuration. */
export const SUBNET_BLOCK_VERSION = 1;

const DTYPE_NAMES: Readonly<Record<StoredDtype, string>> = {
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
};

/** What a sliced checkpoint is made of besides the weights. */
export type CheckpointSource = Pick<Checkpoint, 'folder' | 'config' | 'family'>;

/** What a sliced checkpoint's configuration says besides sizes and masks. */
export interface ConfigFacts {
  readonly layout: StockLayout;
  readonly loadable: Loadable;
  /**
   * True to give the model a type of our own, which no stock program takes for one it knows: under
   * the source's type it would give missing tensors random weights and only warn.
   */
  readonly ownType: boolean;
  /** Fields of the whole file that come on top. */
  readonly fields?: Readonly<Record<string, unknown>>;
  /** Fields of the `subnet` block that come on top. */
  readonly block?: Readonly<Record<string, unknown>>;
}

/**
 * The `config.json` of a sliced checkpoint: the source's fields, what differs, and a `subnet` block
 * from which the candidate can be read back.
 */
export function checkpointConfig(
  weights: ModelWeights,
  subnet: Subnet,
  source: CheckpointSource,
  options: ExportOptions,
  { layout, loadable, ownType, fields, block }: ConfigFacts,
): Record<string, unknown> {
  const config = plainConfig(source.config);
  const changed = { ...layout.overrides, ...(ownType ? ownTypeOf(config) : {}) };
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
    ...fields,
    subnet: {
      version: SUBNET_BLOCK_VERSION,
      key: subnetKey(subnet),
      source_fingerprint: options.origin.sourceFingerprint,
      engine_version: options.origin.engineVersion,
      loadable,
      ...block,
      // What the fields above were before; null where the source did not have one.
      original,
      head_dim: weights.shape.headDim,
      masks: encodeSubnet(subnet),
    },
  };
}

/** The source's fields without what says how its own weights were packed. */
function plainConfig(config: CheckpointSource['config']): Record<string, unknown> {
  const plain: Record<string, unknown> = { ...config, model_type: stockTypeOf(config) };
  delete plain['quantization_config'];
  return plain;
}

function ownTypeOf(config: Readonly<Record<string, unknown>>): Record<string, string> {
  return { model_type: `subnet_${String(config['model_type'])}` };
}

function perLayerFields({ perLayer }: StockLayout): Record<string, unknown> {
  if (Object.keys(perLayer).length === 0) return {};
  // Without this, the configuration class of transformers cannot even check its own global fields.
  return { per_layer_config: perLayer, allow_global_per_layer_attribute_access: true };
}
