import type { ModelSlot, Slot } from './families/family.ts';
import {
  blockOf,
  finalNormOf,
  type LinearName,
  mapOf,
  type Norm,
  type NormName,
  normsOf,
} from '../model/block.ts';
import type { ModelShape } from '../model/modelShape.ts';
import type { LayerWeights, Linear, ModelWeights, NormWeights } from './modelWeights.ts';

/** Gives the array of one tensor in our layout, or null when the model has none. */
export type TensorLookup = (slot: Slot, layer: number | null) => Float32Array | null;

/**
 * Puts tensors together as a model. The arrays are shared, not copied.
 *
 * @param shape   the model's sizes and switches
 * @param lookup  o and down transposed, as {@link ModelWeights} has them
 * @throws RangeError  when a tensor that the shape needs is missing: a mistake of the caller
 */
export function assembleWeights(shape: ModelShape, lookup: TensorLookup): ModelWeights {
  const need = (slot: Slot, layer: number | null): Float32Array => {
    const data = lookup(slot, layer);
    if (data === null) throw new RangeError(`Tensor ${slot} of block ${layer} is missing.`);
    return data;
  };
  const normed = (
    name: NormName | 'finalNorm',
    at: number | null,
    norm: Norm | null,
  ): NormWeights | null => {
    if (norm === null) return null;
    const gain = need(`${name}.gain`, at);
    return { gain, shift: norm.kind === 'layer' ? need(`${name}.shift`, at) : null };
  };
  const layer = (at: number): LayerWeights => {
    const block = blockOf(shape, at);
    const norms = normsOf(block);
    const norm = (name: NormName): NormWeights | null => normed(name, at, norms[name]);
    const linear = (name: LinearName): Linear => ({
      weight: need(`${name}.weight`, at),
      bias: mapOf(block, name)!.bias ? need(`${name}.bias`, at) : null,
    });
    return {
      block,
      attentionNorm: norm('attentionNorm'),
      q: linear('q'),
      k: linear('k'),
      v: linear('v'),
      o: linear('o'),
      qNorm: norm('qNorm'),
      kNorm: norm('kNorm'),
      attentionAfterNorm: norm('attentionAfterNorm'),
      attentionBehindNorm: norm('attentionBehindNorm'),
      mlpNorm: norm('mlpNorm'),
      gate: block.mlp.maps.gate === null ? null : linear('gate'),
      up: linear('up'),
      down: linear('down'),
      mlpAfterNorm: norm('mlpAfterNorm'),
      mlpBehindNorm: norm('mlpBehindNorm'),
    };
  };
  const embedding = need('embedding', null);
  const isProjected = shape.embeddingWidth !== undefined;
  return {
    shape,
    embedding,
    projectIn: isProjected ? need('projectIn', null) : null,
    positionTable: shape.positions.kind === 'learned' ? need('positionTable', null) : null,
    layers: Array.from({ length: shape.layers }, (_, at) => layer(at)),
    finalNorm: normed('finalNorm', null, finalNormOf(shape)),
    projectOut: isProjected ? need('projectOut', null) : null,
    head: shape.tiedEmbeddings ? embedding : need('head', null),
  };
}

/**
 * The array of one tensor of a model, in our layout: the inverse of {@link assembleWeights}.
 *
 * @param weights  the model
 * @param slot     our name of the tensor
 * @param layer    index of the block; null for tensors that the model has once
 * @returns the model's own array, or null when it has none
 */
export function tensorOf(
  weights: ModelWeights,
  slot: Slot,
  layer: number | null,
): Float32Array | null {
  if (isTable(slot)) return weights[slot];
  const [name, part] = slot.split('.') as [keyof LayerWeights | 'finalNorm', string];
  const owner = name === 'finalNorm' ? weights.finalNorm : weights.layers[layer ?? -1]?.[name];
  const parts = (owner ?? {}) as Readonly<Record<string, Float32Array | null>>;
  return parts[part] ?? null;
}

/** Tensors that a model has once and that are no part of a norm. */
function isTable(slot: Slot): slot is Exclude<ModelSlot, `finalNorm.${string}`> {
  return !slot.includes('.');
}
