import type { LayerWeights, Linear } from '../checkpoint/modelWeights.ts';
import { sliceLinear } from '../graphs/keptRows.ts';
import { type LinearName, MAPS } from '../model/block.ts';
import type { KeptRows } from '../model/rows.ts';

/**
 * A block whose maps of one sublayer hold nothing but kept rows, as an export writes them. Maps that
 * keep one run of rows are views of the block's.
 */
export function compactLayer(layer: LayerWeights, rows: KeptRows, hidden: number): LayerWeights {
  return withMaps(layer, rows, (name, linear, kept) => sliceLinear(name, linear, hidden, kept));
}

/**
 * Puts compact maps back into their block: the inverse of {@link compactLayer}. Rows that the mask
 * removes, and all biases, stay as they are.
 * @param compact  weights of kept rows by map
 */
export function scattered(
  layer: LayerWeights,
  compact: ReadonlyMap<LinearName, Linear>,
  rows: KeptRows,
  hidden: number,
): LayerWeights {
  return withMaps(layer, rows, (name, linear, kept) => {
    const changed = compact.get(name);
    if (changed === undefined) return linear;
    const { weight } = changed;
    // A whole map needs no copy.
    if (weight.length === linear.weight.length) return { ...linear, weight };
    const out = linear.weight.slice();
    kept.forEach((row, i) => {
      out.set(weight.subarray(i * hidden, (i + 1) * hidden), row * hidden);
    });
    return { ...linear, weight: out };
  });
}

function withMaps(
  layer: LayerWeights,
  rows: KeptRows,
  change: (name: LinearName, linear: Linear, kept: Uint32Array) => Linear,
): LayerWeights {
  const maps = [...MAPS.attention, ...MAPS.mlp].flatMap((name) => {
    const [linear, kept] = [layer[name], rows[name]];
    return linear === null || kept === undefined
      ? []
      : [[name, change(name, linear, kept)] as const];
  });
  return { ...layer, ...Object.fromEntries(maps) };
}
