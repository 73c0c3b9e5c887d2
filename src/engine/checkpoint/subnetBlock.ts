import { EngineError } from '../../protocol/errors.ts';
import { decodeSubnet } from '../subnet/encode.ts';
import { equalLayers, subnetKey } from '../subnet/key.ts';
import { blocksOf } from '../model/block.ts';
import type { ModelShape } from '../model/modelShape.ts';
import { isPresent, type LayerMask, type Subnet, wholeMask } from '../model/subnet.ts';
import { ConfigReader } from './configReader.ts';
import type { Family } from './families/family.ts';
import { familyOf } from './families/registry.ts';
import { CONFIG_FILE, stockTypeOf } from './modelConfig.ts';
import { shown } from './shown.ts';

/** Version of the `subnet` block of a sliced checkpoint's configuration. */
export const SUBNET_BLOCK_VERSION = 1;

/** Model types of our own begin with it: those of exports that no stock program can build. */
export const OWN_TYPE_PREFIX = 'subnet_';

/** What the configuration of a sliced checkpoint says. */
export interface SlicedModel {
  /** Configuration of the model that it was sliced from. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly family: Family;
  /** Sizes of that model; its blocks say which units of them are held. */
  readonly shape: ModelShape;
  /** Number that a block has in the names of tensors. */
  readonly blockNumber: (layer: number) => number;
}

/** True for the configuration of a model that only its masks tell how to read. */
export function isOnlySliced(config: Readonly<Record<string, unknown>>): boolean {
  const type = stockTypeOf(config);
  return typeof type === 'string' && type.startsWith(OWN_TYPE_PREFIX);
}

/**
 * Reads the configuration of a checkpoint that `exportCheckpoint` or `exportCompressed` wrote.
 * @throws EngineError `checkpoint` for a configuration without a `subnet` block or with a damaged one, and
 *   for masks that are not masks of this model
 */
export function readSlicedConfig(config: Readonly<Record<string, unknown>>): SlicedModel {
  const block = new ConfigReader(config).section('subnet');
  if (block === undefined) {
    const what = `${CONFIG_FILE}: "subnet"`;
    const sentence = `${CONFIG_FILE} has no "subnet", so the folder holds no sliced checkpoint.`;
    throw damaged(what, 'the block of a sliced checkpoint', 'none', sentence);
  }
  block.require('version', SUBNET_BLOCK_VERSION, block.integer('version', { min: 0, max: 1e6 }));
  block.section('original');
  const { subnet: values, ...fields } = config as { readonly subnet: Record<string, unknown> };
  const original = (values['original'] ?? {}) as Readonly<Record<string, unknown>>;
  const source = restored(fields, original);
  const type = source['model_type'];
  if (typeof type === 'string' && type.startsWith(OWN_TYPE_PREFIX)) {
    const sentence = `"subnet" in ${CONFIG_FILE} does not say of what type the model was before it was pruned ("original": "model_type").`;
    throw damaged(`${CONFIG_FILE}: "subnet"`, 'the type of a known family', shown(type), sentence);
  }
  const family = familyOf(source, type);
  const whole = family.parse(new ConfigReader(source));
  const held = masksOf(whole, values['masks']);
  const key = subnetKey(held);
  if (key !== values['key']) {
    const found = shown(values['key']);
    const sentence = `The masks in ${CONFIG_FILE} are damaged: their key is ${key}, but "subnet.key" says ${found}.`;
    throw damaged(`${CONFIG_FILE}: "subnet.key"`, key, found, sentence);
  }
  // Where the number of blocks is another one in a plain smaller model, those that stay follow on.
  const isRenumbered = Object.hasOwn(original, family.sizeFields.layers);
  const kept = held.layers.flatMap((mask, l) => (isEmpty(mask) ? [] : [l]));
  return {
    config: source,
    family,
    shape: withHeld(whole, held),
    blockNumber: isRenumbered ? (layer) => kept.indexOf(layer) : (layer) => layer,
  };
}

/** The masks of a configuration, whose faults are those of the checkpoint. */
function masksOf(shape: ModelShape, masks: unknown): Subnet {
  try {
    return decodeSubnet(shape, masks, `${CONFIG_FILE}: subnet.masks`);
  } catch (error) {
    throw error instanceof EngineError
      ? new EngineError('checkpoint', error.problem, { cause: error })
      : error;
  }
}

/** A configuration with the fields that it had before; null stands for one that it did not have. */
function restored(
  config: Readonly<Record<string, unknown>>,
  original: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const fields = { ...config, ...original };
  const isAbsent = (name: string): boolean =>
    Object.hasOwn(original, name) && fields[name] === null;
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !isAbsent(name)));
}

function isEmpty(mask: LayerMask): boolean {
  return !isPresent('attention', mask) && !isPresent('mlp', mask);
}

/** A shape of which only some units are there. */
export function withHeld(shape: ModelShape, { layers }: Subnet): ModelShape {
  const isWhole = blocksOf(shape).map((block, l) => equalLayers(layers[l]!, wholeMask(block)));
  if (isWhole.every(Boolean)) return shape;
  const blocks = layers.map((held, l) => ({
    ...shape.blocks?.[l],
    ...(isWhole[l] === true ? {} : { held }),
  }));
  return { ...shape, blocks };
}

/** The error of a sliced checkpoint that is not as it was written. */
export function damaged(
  what: string,
  expected: string,
  found: string,
  sentence: string,
): EngineError {
  const action = 'Restore the folder: its config.json and its weights do not belong together.';
  return new EngineError('checkpoint', { what, expected, found, action, sentence });
}
