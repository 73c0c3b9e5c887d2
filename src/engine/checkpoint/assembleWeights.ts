import type { Slot } from './families/family.ts';
import { blockOf, type LinearName, mapOf, type Norm } from '../model/block.ts';
import type { ModelShape } from '../model/modelShape.ts';
import type { InnerNorm, LayerWeights, Linear, ModelWeights, NormWeights } from './modelWeights.ts';

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
  const norm = (
    name: 'attentionNorm' | 'mlpNorm' | 'finalNorm',
    at: number | null,
  ): NormWeights => ({
    gain: need(`${name}.gain`, at),
    shift: shape.norm.kind === 'layer' ? need(`${name}.shift`, at) : null,
  });
  const inner = (name: InnerNorm, at: number, kind: Norm | null): NormWeights | null =>
    kind === null ? null : { gain: need(`${name}.gain`, at), shift: null };
  const layer = (at: number): LayerWeights => {
    const block = blockOf(shape, at);
    const { attention, mlp } = block;
    const linear = (name: LinearName): Linear => ({
      weight: need(`${name}.weight`, at),
      bias: mapOf(block, name)!.bias ? need(`${name}.bias`, at) : null,
    });
    return {
      block,
      attentionNorm: norm('attentionNorm', at),
      q: linear('q'),
      k: linear('k'),
      v: linear('v'),
      o: linear('o'),
      qNorm: inner('qNorm', at, attention.qkNorm),
      kNorm: inner('kNorm', at, attention.qkNorm),
      attentionAfterNorm: inner('attentionAfterNorm', at, attention.norms.after),
      mlpNorm: norm('mlpNorm', at),
      gate: mlp.maps.gate === null ? null : linear('gate'),
      up: linear('up'),
      down: linear('down'),
      mlpAfterNorm: inner('mlpAfterNorm', at, mlp.norms.after),
    };
  };
  const embedding = need('embedding', null);
  return {
    shape,
    embedding,
    positionTable: shape.positions.kind === 'learned' ? need('positionTable', null) : null,
    layers: Array.from({ length: shape.layers }, (_, at) => layer(at)),
    finalNorm: norm('finalNorm', null),
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
  if (slot === 'embedding' || slot === 'positionTable' || slot === 'head') return weights[slot];
  const [name, part] = slot.split('.') as [keyof LayerWeights | 'finalNorm', string];
  const owner = name === 'finalNorm' ? weights.finalNorm : weights.layers[layer ?? -1]?.[name];
  const parts = (owner ?? {}) as Readonly<Record<string, Float32Array | null>>;
  return parts[part] ?? null;
}
