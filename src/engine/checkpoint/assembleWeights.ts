import type { Slot } from './families/family.ts';
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
import {
  type KeyMaker,
  type LayerWeights,
  type Linear,
  ModelWeights,
  type NormWeights,
} from './modelWeights.ts';
import type { OnceWeights } from './weightSource.ts';

/** Gives the array of one tensor in our layout, or null when the model has none. */
export type TensorLookup = (slot: Slot, layer: number | null) => Float32Array | null;

/**
 * Puts tensors together as a model. The arrays are shared, not copied.
 *
 * @param shape   the model's sizes and switches
 * @param lookup  o and down transposed, as {@link LayerWeights} has them
 * @param hash    gives the model's key, as {@link ModelWeights} takes it
 * @throws RangeError  when a tensor that the shape needs is missing: a mistake of the caller
 */
export function assembleWeights(
  shape: ModelShape,
  lookup: TensorLookup,
  hash?: KeyMaker,
): ModelWeights {
  const layers = Array.from({ length: shape.layers }, (_, at) => assembleLayer(shape, at, lookup));
  return new ModelWeights({ ...assembleOnce(shape, lookup), shape, layers }, hash);
}

/**
 * Puts the tensors of one block together; parameters and errors as {@link assembleWeights}.
 *
 * @param at  index of the block
 */
export function assembleLayer(shape: ModelShape, at: number, lookup: TensorLookup): LayerWeights {
  const block = blockOf(shape, at);
  const norms = normsOf(block);
  const norm = (name: NormName): NormWeights | null => normed(lookup, name, at, norms[name]);
  const linear = (name: LinearName): Linear => ({
    weight: need(lookup, `${name}.weight`, at),
    bias: mapOf(block, name)!.bias ? need(lookup, `${name}.bias`, at) : null,
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
}

/** Puts the tensors outside the blocks together; parameters and errors as {@link assembleWeights}. */
export function assembleOnce(shape: ModelShape, lookup: TensorLookup): OnceWeights {
  const embedding = need(lookup, 'embedding', null);
  const isProjected = shape.embeddingWidth !== undefined;
  return {
    embedding,
    projectIn: isProjected ? need(lookup, 'projectIn', null) : null,
    positionTable: shape.positions.kind === 'learned' ? need(lookup, 'positionTable', null) : null,
    finalNorm: normed(lookup, 'finalNorm', null, finalNormOf(shape)),
    projectOut: isProjected ? need(lookup, 'projectOut', null) : null,
    head: shape.tiedEmbeddings ? embedding : need(lookup, 'head', null),
  };
}

function need(lookup: TensorLookup, slot: Slot, layer: number | null): Float32Array {
  const data = lookup(slot, layer);
  if (data === null) throw new RangeError(`Tensor ${slot} of block ${layer} is missing.`);
  return data;
}

function normed(
  lookup: TensorLookup,
  name: NormName | 'finalNorm',
  at: number | null,
  norm: Norm | null,
): NormWeights | null {
  if (norm === null) return null;
  const gain = need(lookup, `${name}.gain`, at);
  return { gain, shift: norm.kind === 'layer' ? need(lookup, `${name}.shift`, at) : null };
}

/**
 * The array of one tensor, in our layout: the inverse of {@link assembleLayer} and
 * {@link assembleOnce}.
 *
 * @param owner  the block, or what the model has once
 * @param slot   our name of the tensor
 * @returns the owner's own array, or null when it has none
 */
export function tensorOf(owner: LayerWeights | OnceWeights, slot: Slot): Float32Array | null {
  const [name, part] = slot.split('.') as [string, string | undefined];
  const found = (owner as unknown as Readonly<Record<string, unknown>>)[name] ?? null;
  if (part === undefined) return found as Float32Array | null;
  return ((found ?? {}) as Readonly<Record<string, Float32Array | null>>)[part] ?? null;
}
