import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import * as Type from 'typebox';
import type { Static } from 'typebox';
import { copyFile } from '../../files/copyFolder.ts';
import { insideFolder, makeFolder } from '../../files/insideFolder.ts';
import { missingFile, readPlainText } from '../../files/plainFile.ts';
import { replaceFile } from '../../files/writeFile.ts';
import { MOST_LAYERS, MOST_SIZE } from '../../protocol/bounds.ts';
import { decodeJson } from '../../protocol/decode.ts';
import { EngineError } from '../../protocol/errors.ts';
import { recordOf } from '../../protocol/recordOf.ts';
import { figureSchema } from '../../protocol/runRecord.ts';
import { mapNames, type MapName } from '../../protocol/sparsityRecord.ts';
import type { Checkpoint } from '../checkpoint/openCheckpoint.ts';
import type { ModelShape } from '../model/modelShape.ts';
import type { WeightSource } from '../checkpoint/weightSource.ts';
import { countParameters } from '../model/cost.ts';
import { decodeSubnet, encodeSubnet } from '../subnet/encode.ts';
import { subnetKey } from '../subnet/key.ts';
import { assertLegal } from '../subnet/legal.ts';
import type { Subnet } from '../model/subnet.ts';
import type { Written } from './exportOnnx.ts';
import { portablePath, resolvePortable } from './portablePath.ts';
import {
  changedReformed,
  readReformed,
  REFORMED_FILE,
  REFORMED_MAPS,
  writeReformed,
} from './reformedWeights.ts';

/** Name of the file. */
export const SUBNET_FILE = 'subnet.json';

/** Version of the file's form; another one is refused, not misread. */
export const SUBNET_FILE_VERSION = 1;

/** Largest file read, bytes: the masks of the largest models take a few million. */
const MAX_BYTES = 64_000_000;

const size = Type.Integer({ minimum: 1, maximum: MOST_SIZE });
const count = Type.Integer({ minimum: 0 });
const sha256 = Type.String({ pattern: '^[0-9a-f]{64}$' });
const strict = { additionalProperties: false };
const anything = recordOf(Type.Unknown());

const headSchema = Type.Object({ qk: Type.String(), vo: Type.String() }, strict);
const layerSchema = Type.Object({ heads: Type.Array(headSchema), mlp: Type.String() }, strict);

/** Schema of {@link SubnetConfig}. */
export const subnetConfigSchema = Type.Object(
  {
    schemaVersion: Type.Literal(SUBNET_FILE_VERSION),
    source: Type.Object(
      {
        /** The model folder; in the file relative to it where it can be, see {@link portablePath}. */
        path: Type.String(),
        fingerprint: sha256,
        /** SHA-256 of the files that exports take along; absent in older files. */
        companions: Type.Optional(recordOf(sha256)),
        family: Type.String({ maxLength: 64 }),
        layers: Type.Integer({ minimum: 1, maximum: MOST_LAYERS }),
        hidden: size,
        heads: size,
        kvHeads: size,
        headDim: size,
        intermediate: size,
        vocab: size,
      },
      strict,
    ),
    parameters: Type.Object(
      { block: count, total: count, denseBlock: count, denseTotal: count },
      strict,
    ),
    /** Kept share of the prunable block parameters, 0 to 1. */
    ratio: Type.Number({ minimum: 0, maximum: 1 }),
    subnet: Type.Object(
      {
        key: Type.String({ maxLength: 64 }),
        /**
         * What value dimensions are: absent, those of the source; `rotated`, the first ones of a basis
         * of each head's values, in which the changed v and o are written.
         */
        values: Type.Optional(Type.Literal('rotated')),
        layers: Type.Array(layerSchema, { maxItems: MOST_LAYERS }),
      },
      strict,
    ),
    /** Where the changed weights lie and how they were made; null when none were. */
    reformed: Type.Union([
      Type.Object(
        {
          file: Type.String({ maxLength: 255 }),
          sha256,
          settings: anything,
          textSha256: sha256,
          /** The maps in the file; absent in older files, which hold o and down. */
          maps: Type.Optional(Type.Array(Type.Enum([...mapNames]), { maxItems: mapNames.length })),
          /** How zeros were put into the weights; absent where none were. */
          sparsify: Type.Optional(anything),
        },
        strict,
      ),
      Type.Null(),
    ]),
    provenance: Type.Object(
      {
        runId: Type.Union([Type.String(), Type.Null()]),
        engineVersion: Type.String(),
        seeds: recordOf(Type.Integer()),
        config: anything,
        figures: recordOf(Type.Union([figureSchema, Type.Null()])),
      },
      strict,
    ),
  },
  strict,
);

/** `subnet.json`: one readable file from which every other export can be made again. */
export type SubnetConfig = Readonly<Static<typeof subnetConfigSchema>>;

/** How changed weights came about, and which maps they are. */
export type ReformedFacts = Pick<
  NonNullable<SubnetConfig['reformed']>,
  'settings' | 'textSha256' | 'sparsify'
> & { readonly maps: readonly MapName[] };

/** Facts of a subnet config that the engine cannot know by itself. */
export interface SubnetFacts {
  readonly source: Pick<SubnetConfig['source'], 'path' | 'fingerprint' | 'companions'>;
  readonly provenance: SubnetConfig['provenance'];
  /** How the weights were reformed and made sparse; null for the source's own weights. */
  readonly reformed: ReformedFacts | null;
  /** True when value dimensions are those of another basis than the source's. */
  readonly rotated?: boolean;
}

/**
 * Writes subnet.json and, for changed weights, reformed.safetensors beside it.
 * @param dir  made if needed
 * @returns  the path of subnet.json and the bytes of both
 * @throws EngineError `disk`, `numeric`, `cancelled`; `shape` for an illegal subnet
 */
export async function writeSubnetConfig(
  dir: string,
  weights: WeightSource,
  subnet: Subnet,
  facts: SubnetFacts,
  signal?: AbortSignal,
): Promise<Written> {
  const { shape } = weights;
  assertLegal(shape, subnet);
  makeFolder(dir);
  const path = join(dir, SUBNET_FILE);
  let reformed: SubnetConfig['reformed'] = null;
  let bytes = 0;
  if (facts.reformed !== null) {
    const maps = [...facts.reformed.maps];
    const file = await writeReformed(join(dir, REFORMED_FILE), weights, subnet, maps, signal);
    reformed = { ...facts.reformed, maps, file: REFORMED_FILE, sha256: file.sha256 };
    bytes += file.bytes;
  }
  const parameters = countParameters(shape, subnet);
  const config: SubnetConfig = {
    schemaVersion: SUBNET_FILE_VERSION,
    source: { ...facts.source, ...sizesOf(shape) },
    parameters,
    ratio: parameters.block / parameters.denseBlock,
    subnet: {
      key: subnetKey(subnet),
      ...(facts.rotated === true ? { values: 'rotated' as const } : {}),
      layers: mutable(encodeSubnet(subnet)).layers,
    },
    reformed,
    provenance: facts.provenance,
  };
  const text = textOf(config, dir);
  replaceFile(path, text);
  return { path, bytes: bytes + Buffer.byteLength(text) };
}

/**
 * Reads subnet.json, its paths made absolute. Masks are checked later, against the model they are for.
 * @throws EngineError `decode` that names the path of the first bad field; `disk` when it is absent,
 *   no plain file or too large
 */
export function readSubnetConfig(path: string): SubnetConfig {
  const text = readPlainText(path, { links: 'refused', mostBytes: MAX_BYTES });
  if (text === undefined) throw missingFile(path);
  return moved(
    decodeJson(subnetConfigSchema, text, basename(path)),
    dirname(path),
    resolvePortable,
  );
}

/** The file's text in a folder: its paths are made relative to it where they can be. */
function textOf(config: SubnetConfig, dir: string): string {
  return `${JSON.stringify(moved(config, dir, portablePath), null, 1)}\n`;
}

/** The same config with the paths in it changed. */
function moved(
  config: SubnetConfig,
  dir: string,
  change: (dir: string, path: string) => string,
): SubnetConfig {
  const { source, provenance } = config;
  return {
    ...config,
    source: { ...source, path: change(dir, source.path) },
    provenance: { ...provenance, config: withPaths(provenance.config, dir, change) },
  };
}

function withPaths(
  config: Readonly<Record<string, unknown>>,
  dir: string,
  change: (dir: string, path: string) => string,
): Record<string, unknown> {
  const changed = ['model', 'text', 'heldout'].flatMap((name) => {
    const path = config[name];
    return typeof path === 'string' ? [[name, change(dir, path)]] : [];
  });
  return { ...config, ...(Object.fromEntries(changed) as Record<string, string>) };
}

/**
 * Writes a subnet config, and the changed weights beside it, to another folder.
 * @param path  of a subnet.json
 * @param dir  made if needed
 * @returns  the path of the copy and the bytes of both
 * @throws EngineError as {@link readSubnetConfig}; `checkpoint` for weights that are not those of the
 *   config
 */
export async function copySubnetConfig(path: string, dir: string): Promise<Written> {
  const config = readSubnetConfig(path);
  makeFolder(dir);
  let bytes = 0;
  if (config.reformed !== null) {
    const from = insideFolder(dirname(path), config.reformed.file);
    const to = insideFolder(dir, config.reformed.file);
    // Without its weights a config says how they are made again.
    if (existsSync(from)) {
      const { file, sha256 } = config.reformed;
      await copyFile(from, to, { links: 'refused', mostBytes: Infinity }, (found) => {
        if (found !== sha256) throw changedReformed(file, sha256, found);
      });
      bytes += statSync(to).size;
    }
  }
  const text = textOf(config, dir);
  const copy = join(dir, SUBNET_FILE);
  replaceFile(copy, text);
  return { path: copy, bytes: bytes + Buffer.byteLength(text) };
}

/**
 * The subnet of a config, checked against the model it is for.
 * @throws EngineError `decode` for masks that are not of this model, `checkpoint` for another model
 */
export function subnetOf(config: SubnetConfig, shape: ModelShape): Subnet {
  const sizes = sizesOf(shape);
  for (const name of Object.keys(sizes) as (keyof typeof sizes)[]) {
    const [found, value] = [config.source[name], sizes[name]];
    if (found !== value) {
      const difference = `its "${name}" is ${value}, not ${found}`;
      throw otherModel(`${name} ${found}`, `${name} ${value}`, difference);
    }
  }
  const subnet = decodeSubnet(shape, { layers: config.subnet.layers }, 'subnet');
  if (subnetKey(subnet) !== config.subnet.key) {
    const found = JSON.stringify(config.subnet.key);
    const sentence = `The masks of subnet.json have the key ${subnetKey(subnet)}, but "subnet.key" is ${found}.`;
    throw unreadable('subnet.key', subnetKey(subnet), found, sentence);
  }
  const { block, total } = countParameters(shape, subnet);
  if (block !== config.parameters.block || total !== config.parameters.total) {
    const { parameters } = config;
    const found = `${parameters.block} and ${parameters.total}`;
    const expected = `${block} in blocks and ${total} in all`;
    const sentence = `The masks of subnet.json keep ${expected}, but "parameters" says ${found}.`;
    throw unreadable('parameters', expected, found, sentence);
  }
  return subnet;
}

/**
 * The candidate a config describes: its subnet and its (reformed) weights.
 * @param path  the config's own path; reformed weights are looked for in its folder only
 * @param source  the opened source checkpoint
 * @param weights  the source's weights; shared by the result where they are not reformed
 * @throws EngineError `checkpoint` for another source model or damaged reformed weights, `decode`
 */
export async function loadCandidate(
  path: string,
  config: SubnetConfig,
  source: Pick<Checkpoint, 'fingerprint'>,
  weights: WeightSource,
  signal?: AbortSignal,
): Promise<{ readonly weights: WeightSource; readonly subnet: Subnet }> {
  if (source.fingerprint !== config.source.fingerprint) {
    const wanted = `fingerprint ${config.source.fingerprint}`;
    throw otherModel(wanted, source.fingerprint, 'its files are others');
  }
  const subnet = subnetOf(config, weights.shape);
  if (config.reformed === null) return { weights, subnet };
  const from = { maps: REFORMED_MAPS, ...config.reformed };
  return { subnet, weights: await readReformed(dirname(path), from, weights, subnet, signal) };
}

/** SHA-256 of bytes or text, hex. */
export function sha256Of(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

function sizesOf(
  shape: ModelShape,
): Omit<SubnetConfig['source'], 'path' | 'fingerprint' | 'companions'> {
  const { family, layers, hidden, heads, kvHeads, headDim, intermediate, vocab } = shape;
  return { family, layers, hidden, heads, kvHeads, headDim, intermediate, vocab };
}

/** The same value without `readonly`, which the schema's type does not know. */
function mutable(encoded: ReturnType<typeof encodeSubnet>): {
  layers: { heads: { qk: string; vo: string }[]; mlp: string }[];
} {
  return { layers: encoded.layers.map(({ heads, mlp }) => ({ heads: [...heads], mlp })) };
}

function otherModel(expected: string, found: string, difference: string): EngineError {
  return new EngineError('checkpoint', {
    what: 'The source model of subnet.json',
    ...{ expected, found },
    sentence: `The subnet was made from another model than this one: ${difference}.`,
    action: 'Use the model folder that the subnet was made from.',
  });
}

function unreadable(what: string, expected: string, found: string, sentence: string): EngineError {
  const action = 'The file is damaged or was edited; restore it or export it again.';
  return new EngineError('decode', { what, expected, found, action, sentence });
}
