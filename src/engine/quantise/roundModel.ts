import type { LayerWeights, ModelWeights } from '../checkpoint/modelWeights.ts';
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
export function roundModel(
  weights: ModelWeights,
  subnet: Subnet,
  format: BlockFormat,
  layoutOf: (block: Block, mask: LayerMask) => MapRows,
): QuantisedModel {
  const { hidden } = weights.shape;
  const layers: LayerWeights[] = [];
  const packed: PackedLayer[] = [];
  for (const [l, layer] of weights.layers.entries()) {
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
    layers.push({
      ...layer,
      ...Object.fromEntries(rounded.map(({ name, changed }) => [name, changed])),
    });
    packed.push(Object.fromEntries(rounded.map(({ name, map }) => [name, map])));
  }
  return { format, weights: { ...weights, layers }, layers: packed };
}
