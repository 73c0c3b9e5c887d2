import {
  eachBlock,
  type MapChanges,
  type WeightSource,
  withChanges,
} from '../checkpoint/weightSource.ts';
import { mapsOf } from '../sparsity/linearMaps.ts';
import { type Block, blockOf } from '../model/block.ts';
import { isPresent, type LayerMask, type Subnet } from '../model/subnet.ts';
import type { BlockFormat } from './blockFormat.ts';
import type { MapRows, PackedLayer, QuantisedModel } from './quantisedModel.ts';
import { outputsFirst, withIntegers } from './mapLayout.ts';
import { roundWeight } from './roundWeight.ts';

/**
 * Rounds every weight of a candidate's blocks to its nearest integer, without looking at any data.
 * Embedding, head, norms and biases stay as they are.
 * @param layoutOf  the order in which a decoder stores what a mask keeps
 */
export async function roundModel(
  weights: WeightSource,
  subnet: Subnet,
  format: BlockFormat,
  layoutOf: (block: Block, mask: LayerMask) => MapRows,
): Promise<QuantisedModel> {
  const { hidden } = weights.shape;
  const changes = new Map<number, MapChanges>();
  const packed: PackedLayer[] = [];
  for await (const [l, layer] of eachBlock(weights)) {
    const mask = subnet.layers[l]!;
    const rows = layoutOf(blockOf(weights.shape, l), mask);
    const maps = (['attention', 'mlp'] as const).flatMap((kind) =>
      isPresent(kind, mask) ? mapsOf(layer, kind) : [],
    );
    const rounded = maps.map(({ name, linear }) => {
      const first = outputsFirst(name, linear.weight, hidden, rows[name]);
      const map = roundWeight(first.data, first.rows, first.columns, format);
      const changed = { ...linear, weight: withIntegers(name, linear.weight, rows[name], map) };
      return { name, map, changed };
    });
    changes.set(l, Object.fromEntries(rounded.map(({ name, changed }) => [name, changed])));
    packed.push(Object.fromEntries(rounded.map(({ name, map }) => [name, map])));
  }
  return { format, weights: withChanges(weights, changes), layers: packed };
}
