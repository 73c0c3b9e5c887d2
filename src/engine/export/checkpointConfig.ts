import type { Loadable } from '../../protocol/loadsText.ts';
import { stockTypeOf } from '../checkpoint/modelConfig.ts';
import type { Source } from '../checkpoint/openCheckpoint.ts';
import type { StoredDtype } from '../checkpoint/storedFloats.ts';
import { encodeSubnet } from '../subnet/encode.ts';
import { subnetKey } from '../subnet/key.ts';
import type { ModelShape } from '../model/modelShape.ts';
import type { Subnet } from '../model/subnet.ts';
import type { ExportOptions } from './exportOnnx.ts';
import { jsonLike } from './jsonLike.ts';
import { MODELING_CLASSES } from './modelingSubnet.ts';
import type { StockLayout } from './stockLayout.ts';
import { withoutCode } from './withoutCode.ts';

/** Version of the `subnet` block of a sliced checkpoint's configuration. */
export const SUBNET_BLOCK_VERSION = 1;

const DTYPE_NAMES: Readonly<Record<StoredDtype, string>> = {
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
};

/**
 * Sections in which transformers looks for the language model before the fields around them, whatever
 * the model type. Sizes are read from, and written to, the fields around them.
 */
const INNER_MODELS = ['text_config', 'decoder', 'generator', 'text_encoder'];

/** What a sliced checkpoint is made of besides the weights. */
export type CheckpointSource = Pick<
  Source,
  'folder' | 'config' | 'configBytes' | 'family' | 'companions'
>;

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
 * The text of a sliced checkpoint's `config.json`: the source's fields, what differs, and a `subnet`
 * block from which the candidate can be read back.
 */
export function checkpointConfig(
  shape: ModelShape,
  subnet: Subnet,
  source: CheckpointSource,
  options: ExportOptions,
  { layout, loadable, ownType, fields, block }: ConfigFacts,
): string {
  const config = plainConfig(source.config, shape.family);
  const changed = { ...layout.overrides, ...(ownType ? ownTypeOf(config) : {}) };
  const original = Object.fromEntries(
    Object.keys(changed).map((field) => [field, config[field] ?? null]),
  );
  const written = {
    ...config,
    ...changed,
    ...dtypeFields(config, options),
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
      head_dim: shape.headDim,
      masks: encodeSubnet(subnet),
    },
  };
  return jsonLike(written, source.configBytes);
}

/** The source's fields without its author's code, other models and how its weights were packed. */
function plainConfig(config: CheckpointSource['config'], family: string): Record<string, unknown> {
  const stock = MODELING_CLASSES.get(family)?.stock;
  const plain: Record<string, unknown> = {
    ...finiteFields(withoutCode(config)),
    model_type: stockTypeOf(config),
    ...(stock === undefined ? {} : { architectures: [stock] }),
  };
  for (const field of ['quantization_config', ...INNER_MODELS]) delete plain[field];
  return plain;
}

/** Without infinities, which only Python writes; no field of a model that we read may be one. */
function finiteFields(config: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const isWritable = (value: unknown): boolean =>
    typeof value !== 'number' || Number.isFinite(value);
  return Object.fromEntries(Object.entries(config).filter(([, value]) => isWritable(value)));
}

/** Transformers loads all weights in the type that is named here, whatever the file holds. */
function dtypeFields(
  config: Readonly<Record<string, unknown>>,
  { dtype, ownTypes }: ExportOptions,
): Record<string, unknown> {
  const declared = config['dtype'] ?? config['torch_dtype'];
  const mixed = ownTypes !== undefined && ownTypes.size > 0;
  // Weights of several types are loaded as the source's were, or in the widest, which loses nothing.
  const name = mixed ? (declared ?? DTYPE_NAMES.F32) : DTYPE_NAMES[dtype];
  // Every version of transformers reads the older name, new ones write the shorter.
  return { torch_dtype: name, ...(Object.hasOwn(config, 'dtype') ? { dtype: name } : {}) };
}

function ownTypeOf(config: Readonly<Record<string, unknown>>): Record<string, string> {
  return { model_type: `subnet_${String(config['model_type'])}` };
}
