import { familyNamed } from '../checkpoint/families/registry.ts';
import type { Slot } from '../checkpoint/families/family.ts';
import type { LinearName, NormName } from '../model/block.ts';
import type {
  LayerWeights,
  Linear,
  ModelWeights,
  NormWeights,
} from '../checkpoint/modelWeights.ts';
import { decodeFloats, encodeFloats } from '../checkpoint/storedFloats.ts';
import { tensorName } from '../checkpoint/tensorTable.ts';
import { dtypeOf, type Storage } from './storage.ts';

/** How an export stores a model. */
export interface StoredForm {
  /** Element types of floats. */
  readonly storage: Storage;
  /** True when the linear maps of the blocks are integers: the values these stand for are exact. */
  readonly integerMaps: boolean;
}

/** True when an export stores every value of a model as it is. */
export function isExact({ storage, integerMaps }: StoredForm): boolean {
  return !integerMaps && storage.dtype === 'F32';
}

/**
 * The model outside its blocks, with the values that an export stores.
 *
 * Memory: the embedding and the head once more, unless they are stored as they are.
 * @returns  the layers are those of the model itself, see {@link storedLayer}
 */
export function storedEdges(weights: ModelWeights, { storage }: StoredForm): ModelWeights {
  const { shape, embedding, head, finalNorm } = weights;
  const round = rounder(shape.family, null, storage);
  const stored = round('embedding', embedding);
  const table = (slot: 'projectIn' | 'positionTable' | 'projectOut'): Float32Array | null => {
    const values = weights[slot];
    return values === null ? null : round(slot, values);
  };
  return {
    ...weights,
    embedding: stored,
    projectIn: table('projectIn'),
    positionTable: table('positionTable'),
    finalNorm: storedNorm('finalNorm', finalNorm, round),
    projectOut: table('projectOut'),
    head: head === embedding ? stored : round('head', head),
  };
}

/**
 * A block with the values that an export stores. Memory: the block once more.
 * @param l  its index
 */
export function storedLayer(
  { shape, layers }: ModelWeights,
  l: number,
  { storage, integerMaps }: StoredForm,
): LayerWeights {
  const layer = layers[l]!;
  const round = rounder(shape.family, l, storage);
  const linear = (slot: LinearName, { weight, bias }: Linear): Linear => ({
    weight: integerMaps ? weight : round(`${slot}.weight`, weight),
    bias: bias === null ? null : round(`${slot}.bias`, bias),
  });
  const norm = (slot: NormName): NormWeights | null => storedNorm(slot, layer[slot], round);
  return {
    block: layer.block,
    attentionNorm: norm('attentionNorm'),
    qNorm: norm('qNorm'),
    kNorm: norm('kNorm'),
    attentionAfterNorm: norm('attentionAfterNorm'),
    attentionBehindNorm: norm('attentionBehindNorm'),
    q: linear('q', layer.q),
    k: linear('k', layer.k),
    v: linear('v', layer.v),
    o: linear('o', layer.o),
    mlpNorm: norm('mlpNorm'),
    mlpAfterNorm: norm('mlpAfterNorm'),
    mlpBehindNorm: norm('mlpBehindNorm'),
    gate: layer.gate === null ? null : linear('gate', layer.gate),
    up: linear('up', layer.up),
    down: linear('down', layer.down),
  };
}

/** Gives the values of a tensor after a way to the disk and back. */
type Round = (slot: Slot, values: Float32Array) => Float32Array;

function rounder(family: string, layer: number | null, storage: Storage): Round {
  const names = familyNamed(family);
  return (slot, values) => {
    const dtype = dtypeOf(storage, tensorName(names, slot, layer));
    if (dtype === 'F32') return values;
    const bytes = new Uint8Array(2 * values.length);
    encodeFloats(dtype, values, bytes);
    const rounded = new Float32Array(values.length);
    decodeFloats(dtype, bytes, rounded);
    return rounded;
  };
}

function storedNorm(
  slot: NormName | 'finalNorm',
  norm: NormWeights | null,
  round: Round,
): NormWeights | null {
  if (norm === null) return null;
  const { gain, shift } = norm;
  return {
    gain: round(`${slot}.gain`, gain),
    shift: shift === null ? null : round(`${slot}.shift`, shift),
  };
}
