import { createHash } from 'node:crypto';
import { familyNamed } from '../checkpoint/families/registry.ts';
import type { Slot } from '../checkpoint/families/family.ts';
import type { LinearName, NormName } from '../model/block.ts';
import type { LayerWeights, Linear, NormWeights } from '../checkpoint/modelWeights.ts';
import type { OnceWeights, WeightSource } from '../checkpoint/weightSource.ts';
import { decodeFloats, encodeFloats } from '../checkpoint/storedFloats.ts';
import type { ModelShape } from '../model/modelShape.ts';
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
 * A model with the values that an export stores.
 *
 * Memory: each block once more while it is looked at, and the embedding and the head once more, unless
 * they are stored as they are.
 */
export class RoundedWeights implements WeightSource {
  readonly isHeld = false;
  readonly shape: ModelShape;
  readonly #exact: WeightSource;
  readonly #form: StoredForm;
  #once: Promise<OnceWeights> | undefined;

  constructor(exact: WeightSource, form: StoredForm) {
    this.#exact = exact;
    this.#form = form;
    this.shape = exact.shape;
  }

  async block(index: number): Promise<LayerWeights> {
    return roundedLayer(this.shape, index, await this.#exact.block(index), this.#form);
  }

  release(index: number): void {
    this.#exact.release(index);
  }

  once(): Promise<OnceWeights> {
    this.#once ??= this.#roundOnce();
    return this.#once;
  }

  async key(signal?: AbortSignal): Promise<string> {
    const { storage, integerMaps } = this.#form;
    const types = JSON.stringify([storage.dtype, [...(storage.ownTypes ?? [])], integerMaps]);
    const base = await this.#exact.key(signal);
    return createHash('sha256').update(`rounded\n${base}\n${types}`).digest('hex');
  }

  async #roundOnce(): Promise<OnceWeights> {
    const once = await this.#exact.once();
    const { embedding, head, finalNorm } = once;
    const round = rounder(this.shape.family, null, this.#form.storage);
    const stored = round('embedding', embedding);
    const table = (slot: 'projectIn' | 'positionTable' | 'projectOut'): Float32Array | null => {
      const values = once[slot];
      return values === null ? null : round(slot, values);
    };
    return {
      embedding: stored,
      projectIn: table('projectIn'),
      positionTable: table('positionTable'),
      finalNorm: storedNorm('finalNorm', finalNorm, round),
      projectOut: table('projectOut'),
      head: head === embedding ? stored : round('head', head),
    };
  }
}

function roundedLayer(
  shape: ModelShape,
  l: number,
  layer: LayerWeights,
  { storage, integerMaps }: StoredForm,
): LayerWeights {
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
