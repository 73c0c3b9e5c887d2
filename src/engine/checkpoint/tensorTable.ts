import type { Family, LayerSlot, ModelSlot, Slot } from './families/family.ts';
import {
  blockOf,
  finalNormOf,
  type LinearName,
  mapOf,
  MAPS,
  type Norm,
  type NormName,
  normsOf,
} from '../model/block.ts';
import { embeddingWidthOf, type ModelShape } from '../model/modelShape.ts';

/** One tensor that a checkpoint of some shape must hold. */
export interface TensorSpec {
  readonly slot: Slot;
  /** Index of the block; null for tensors that the model has once. */
  readonly layer: number | null;
  /** Hugging Face's name. */
  readonly name: string;
  /** Dimensions in the checkpoint, before any transposition. */
  readonly dims: readonly number[];
  /** True when we keep the matrix transposed (o and down). */
  readonly transposed: boolean;
}

/**
 * Hugging Face's name of a tensor.
 *
 * @param family  the architecture
 * @param slot    our name
 * @param layer   index of the block; null for tensors that the model has once
 * @throws RangeError  when the family has no such tensor: a mistake in our own tables
 */
export function tensorName(family: Family, slot: Slot, layer: number | null): string {
  const pattern = family.tensorNames[slot];
  if (pattern === undefined) throw new RangeError(`Family ${family.name} has no tensor ${slot}.`);
  return layer === null ? pattern : pattern.replace('{layer}', String(layer));
}

/**
 * Every tensor a checkpoint must hold, in the order of the forward pass.
 *
 * @param family  the architecture
 * @param shape   the model's sizes and switches
 */
export function tensorTable(family: Family, shape: ModelShape): TensorSpec[] {
  const layers = Array.from({ length: shape.layers }, (_, layer) => layer);
  const one = (slot: Slot, dims: readonly number[], layer: number | null): TensorSpec => ({
    slot,
    layer,
    name: tensorName(family, slot, layer),
    dims,
    transposed: slot === 'o.weight' || slot === 'down.weight',
  });
  const [before, after] = modelSlots(shape);
  return [
    ...before.map(([slot, dims]) => one(slot, dims, null)),
    ...layers.flatMap((layer) =>
      layerSlots(shape, layer).map(([slot, dims]) => one(slot, dims, layer)),
    ),
    ...after.map(([slot, dims]) => one(slot, dims, null)),
  ];
}

type SlotDims<S extends Slot> = readonly [slot: S, dims: readonly number[]];

/** Tensors before and after the blocks. */
function modelSlots(shape: ModelShape): [SlotDims<ModelSlot>[], SlotDims<ModelSlot>[]] {
  const { hidden, vocab, positions } = shape;
  const width = embeddingWidthOf(shape);
  const isProjected = shape.embeddingWidth !== undefined;
  const before: SlotDims<ModelSlot>[] = [['embedding', [vocab, width]]];
  if (isProjected) before.push(['projectIn', [hidden, width]]);
  if (positions.kind === 'learned') {
    before.push(['positionTable', [shape.maxPositions + positions.offset, hidden]]);
  }
  const after: SlotDims<ModelSlot>[] = [...normSlots('finalNorm', hidden, finalNormOf(shape))];
  if (isProjected) after.push(['projectOut', [width, hidden]]);
  if (!shape.tiedEmbeddings) after.push(['head', [vocab, width]]);
  return [before, after];
}

/** Tensors of a norm; none where there is no norm. */
function normSlots<N extends NormName | 'finalNorm'>(
  name: N,
  width: number,
  norm: Norm | null,
): SlotDims<`${N}.gain` | `${N}.shift`>[] {
  if (norm === null) return [];
  const gain = [`${name}.gain`, [width]] as const;
  return norm.kind === 'layer' ? [gain, [`${name}.shift`, [width]]] : [gain];
}

/** Tensors of one block. */
function layerSlots(shape: ModelShape, layer: number): SlotDims<LayerSlot>[] {
  const block = blockOf(shape, layer);
  const norms = normsOf(block);
  const norm = (name: NormName, width = block.hidden): SlotDims<LayerSlot>[] =>
    normSlots(name, width, norms[name]);
  const { headDim } = block.attention;
  const linear = (name: LinearName): SlotDims<LayerSlot>[] => {
    const map = mapOf(block, name);
    if (map === null) return [];
    const weight: SlotDims<LayerSlot> = [`${name}.weight`, [map.outputs, map.inputs]];
    return map.bias ? [weight, [`${name}.bias`, [map.outputs]]] : [weight];
  };
  return [
    ...norm('attentionNorm'),
    ...MAPS.attention.flatMap(linear),
    ...norm('qNorm', headDim),
    ...norm('kNorm', headDim),
    ...norm('attentionAfterNorm'),
    ...norm('attentionBehindNorm'),
    ...norm('mlpNorm'),
    ...MAPS.mlp.flatMap(linear),
    ...norm('mlpAfterNorm'),
    ...norm('mlpBehindNorm'),
  ];
}
