import { EngineError } from '../../protocol/errors.ts';
import type { ModelShape } from '../model/modelShape.ts';
import { denseSubnet, type LayerMask, type Subnet } from '../model/subnet.ts';
import { ConfigReader } from './configReader.ts';
import type { Family } from './families/family.ts';
import { CONFIG_FILE } from './modelConfig.ts';
import { shown } from './shown.ts';

/** The field in which transformers 5 keeps what single blocks do otherwise. */
const FIELD = 'per_layer_config';

type Config = Readonly<Record<string, unknown>>;

/** A model of the largest blocks, and which units of it each block has. */
export interface PerLayerModel {
  /** Without the field; sizes are the largest of any block. */
  readonly config: Config;
  /** Sizes of the largest blocks. */
  readonly shape: ModelShape;
  readonly held: Subnet;
}

/**
 * Reads a configuration whose blocks have numbers of heads and neurons of their own: each is a block of
 * the largest sizes of which only the first heads and neurons are there.
 *
 * No class of our families in transformers 5.24 builds such a model yet: the field is read as its
 * documentation says, each block built from the configuration with its own values on top.
 * @returns null where the configuration has no such field, or an empty one
 * @throws EngineError `checkpoint` for other values of single blocks and for sizes that are no part of
 *   larger blocks: heads of another width, or shared by another number of queries
 */
export function readPerLayerSizes(config: Config, family: Family): PerLayerModel | null {
  const { [FIELD]: field, ...others } = config;
  if (field === undefined || field === null) return null;
  if (typeof field !== 'object' || Array.isArray(field)) {
    new ConfigReader(config).fail(FIELD, 'an object', shown(field));
  }
  if (Object.keys(field).length === 0) return null;
  const { mlp, heads, kvHeads, headDim } = family.sizeFields;
  const common = family.parse(new ConfigReader(others));
  // The width of heads is that of the whole model, whatever the number of heads it followed from.
  const base = headDim === null ? others : { ...others, [headDim]: common.headDim };
  const sizes = Array.from({ length: common.layers }, () => common);
  for (const [key, value] of Object.entries(field as Config)) {
    const layer = blockNumbered(key, common.layers);
    const own = ownValues(layer, value, [mlp, heads, kvHeads, headDim]);
    sizes[layer] = family.parse(new ConfigReader({ ...base, ...own }, `${CONFIG_FILE}: ${FIELD}`));
    expectPart(layer, sizes[layer], common);
  }
  const most = (size: 'intermediate' | 'kvHeads' | 'heads'): number =>
    Math.max(...sizes.map((own) => own[size]));
  const whole = {
    ...base,
    [mlp]: most('intermediate'),
    [heads]: most('heads'),
    ...(kvHeads === null ? {} : { [kvHeads]: most('kvHeads') }),
  };
  const shape = family.parse(new ConfigReader(whole));
  const layers = denseSubnet(shape).layers.map((mask, l) => firstOf(mask, sizes[l]!));
  return { config: whole, shape, held: { layers } };
}

function blockNumbered(key: string, layers: number): number {
  const layer = /^\d{1,6}$/.test(key) ? Number(key) : NaN;
  if (layer < layers) return layer;
  throw unreadable(
    `keys that are blocks from 0 to ${layers - 1}`,
    shown(key),
    `names block ${shown(key)}, but the model has blocks 0 to ${layers - 1}`,
  );
}

/** What a block has of its own, all of them sizes. */
function ownValues(layer: number, value: unknown, sizes: readonly (string | null)[]): Config {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw unreadable('an object for each block', shown(value), `gives block ${layer} no object`);
  }
  const other = Object.keys(value).find((name) => !sizes.includes(name));
  if (other === undefined) return value as Config;
  const names = sizes.filter((name) => name !== null).join(', ');
  const flaw = `gives block ${layer} a ${shown(other)} of its own; only ${names} are read`;
  throw unreadable(`only ${names}`, shown(other), flaw);
}

/** A block can be part of a larger one only with the same heads. */
function expectPart(layer: number, own: ModelShape, common: ModelShape): void {
  if (own.headDim !== common.headDim) {
    throw unreadable(
      `heads of width ${common.headDim}`,
      `width ${own.headDim}`,
      `gives block ${layer} heads of width ${own.headDim}, and others of ${common.headDim}; such a model cannot be pruned`,
    );
  }
  const [group, found] = [common.heads / common.kvHeads, own.heads / own.kvHeads];
  if (group !== found) {
    throw unreadable(
      `${group} query heads for each key/value head`,
      `${found}`,
      `gives block ${layer} ${found} query heads for each key/value head, and others ${group}; such a model cannot be pruned`,
    );
  }
}

/** The mask of the first heads and neurons. */
function firstOf({ heads, mlp }: LayerMask, own: ModelShape): LayerMask {
  const none = { qk: new Uint32Array(0), vo: new Uint32Array(0) };
  return {
    heads: heads.map((head, h) => (h < own.kvHeads ? head : none)),
    mlp: mlp.subarray(0, own.intermediate),
  };
}

function unreadable(expected: string, found: string, flaw: string): EngineError {
  return new EngineError('checkpoint', {
    what: `${CONFIG_FILE}: "${FIELD}"`,
    ...{ expected, found },
    action: 'Use the model that it was made from.',
    sentence: `"${FIELD}" in ${CONFIG_FILE} ${flaw}.`,
  });
}
