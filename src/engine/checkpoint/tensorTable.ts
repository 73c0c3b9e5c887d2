import type { Family, LayerSlot, ModelSlot, RowRange, Slot } from './families/family.ts';
import {
  blockOf,
  finalNormOf,
  isOutputMap,
  type LinearName,
  mapOf,
  MAPS,
  type Norm,
  type NormName,
  normsOf,
} from '../model/block.ts';
import { embeddingWidthOf, type ModelShape } from '../model/modelShape.ts';
import type { StoredTensor } from './storedParts.ts';

/** One tensor that a checkpoint of some shape must hold. */
export interface TensorSpec extends StoredTensor {
  /** Index of the block; null for tensors that the model has once. */
  readonly layer: number | null;
  /** Hugging Face's name. */
  readonly name: string;
  /** Neighbouring rows of our arrays: one whole array in most tensors. */
  readonly parts: readonly { readonly slot: Slot; readonly rows: RowRange }[];
}

/**
 * Hugging Face's name of the tensor that holds one of our arrays.
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
 * A name that no other array of the model has: that of its tensor, with the map where the tensor holds
 * several, e.g. `….qkv_proj.k.weight`.
 */
export function arrayName(family: Family, slot: Slot, layer: number | null): string {
  const name = tensorName(family, slot, layer);
  const pattern = family.tensorNames[slot];
  const sharing = Object.values(family.tensorNames).filter((other) => other === pattern);
  const [map, part] = slot.split('.');
  return sharing.length === 1 ? name : `${name.slice(0, name.lastIndexOf('.'))}.${map}.${part}`;
}

/** The name of a tensor in a checkpoint of the decoder alone, without the head's model around it. */
export function bareName(name: string): string {
  return name.replace(/^(model|transformer|gpt_neox)\./, '');
}

/** True for the tensor that holds one array of the whole model. */
export function holds({ parts }: Pick<TensorSpec, 'parts'>, slot: ModelSlot): boolean {
  return parts.some((part) => part.slot === slot);
}

/**
 * Every tensor a checkpoint must hold, in the order of the forward pass.
 *
 * @param family  the architecture
 * @param shape   the model's sizes and switches
 */
export function tensorTable(family: Family, shape: ModelShape): TensorSpec[] {
  const layers = Array.from({ length: shape.layers }, (_, layer) => layer);
  const one = ([slot, dims]: SlotDims<ModelSlot>): TensorSpec => ({
    layer: null,
    name: tensorName(family, slot, null),
    dims,
    transposed: false,
    parts: [{ slot, rows: { from: 0, count: dims[0]! } }],
  });
  const [before, after] = modelSlots(shape);
  return [
    ...before.map(one),
    ...layers.flatMap((layer) => layerTensors(family, shape, layer)),
    ...after.map(one),
  ];
}

/** The tensors of one block: those of its arrays, where arrays that share one follow the first. */
function layerTensors(family: Family, shape: ModelShape, layer: number): TensorSpec[] {
  const fused = family.fused?.(blockOf(shape, layer)) ?? [];
  return layerSlots(shape, layer).flatMap(([slot, dims]): TensorSpec[] => {
    const name = tensorName(family, slot, layer);
    const [map, kind] = slot.split('.') as [LinearName, 'weight' | 'bias'];
    const sharing = fused.find((parts) => parts.some((part) => part.map === map));
    if (sharing === undefined) {
      const isOutput = kind === 'weight' && isOutputMap(map);
      const parts = [{ slot, rows: { from: 0, count: dims[isOutput ? 1 : 0]! } }];
      return [{ layer, name, ...placed(family, dims, isOutput), parts }];
    }
    if (sharing[0]!.map !== map) return [];
    const count = sharing.reduce((sum, part) => sum + part.count, 0);
    const parts = sharing.map(({ map: of, from, count: rows }) => ({
      slot: `${of}.${kind}` as const,
      rows: { from, count: rows },
    }));
    return [{ layer, name, ...placed(family, [count, ...dims.slice(1)], false), parts }];
  });
}

/** How a family stores an array of [outputs, inputs] or [outputs]. */
function placed(
  { inputsFirst = false }: Family,
  dims: readonly number[],
  isOutput: boolean,
): Pick<TensorSpec, 'dims' | 'transposed'> {
  if (dims.length === 1) return { dims, transposed: false };
  return { dims: inputsFirst ? dims.toReversed() : dims, transposed: isOutput !== inputsFirst };
}

type SlotDims<S extends Slot> = readonly [slot: S, dims: readonly number[]];

/** Arrays before and after the blocks. */
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

/** Arrays of a norm; none where there is no norm. */
function normSlots<N extends NormName | 'finalNorm'>(
  name: N,
  width: number,
  norm: Norm | null,
): SlotDims<`${N}.gain` | `${N}.shift`>[] {
  if (norm === null) return [];
  const gain = [`${name}.gain`, [width]] as const;
  return norm.kind === 'layer' ? [gain, [`${name}.shift`, [width]]] : [gain];
}

/** Arrays of one block, matrices as [outputs, inputs]. */
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
