import type { ModelShape } from '../checkpoint/modelShape.ts';
import type { LayerWeights, Linear } from '../checkpoint/modelWeights.ts';
import type { SublayerKind } from '../graphs/forwardPass.ts';
import { attentionRows, gatherRows, ZERO_ROW } from '../graphs/keptRows.ts';
import type { LayerMask } from '../subnet/subnet.ts';
import { isOutputMap, type LinearName, MAPS } from './linearMaps.ts';

/** Stored rows that a mask keeps of the maps of a sublayer, in the order of the exported weights. */
export type KeptRows = Readonly<Partial<Record<LinearName, Uint32Array>>>;

/** The rows a mask keeps of each map of a sublayer; none of a sublayer that it removes. */
export function keptRowsOf(shape: ModelShape, mask: LayerMask, kind: SublayerKind): KeptRows {
  if (kind === 'mlp') return { gate: mask.mlp, up: mask.mlp, down: mask.mlp };
  const { q, k, v, o } = attentionRows(shape, mask, 'plain');
  const kept = (rows: Int32Array): Uint32Array =>
    Uint32Array.from(rows.filter((row) => row !== ZERO_ROW));
  return { q: kept(q), k: kept(k), v: kept(v), o: kept(o) };
}

/**
 * A block whose maps of one sublayer hold nothing but kept rows, as an export writes them. Maps that
 * keep one run of rows are views of the block's.
 */
export function compactLayer(layer: LayerWeights, rows: KeptRows, hidden: number): LayerWeights {
  return withMaps(layer, rows, (name, linear, kept) => ({
    weight: gatherRows(linear.weight, hidden, kept),
    bias:
      linear.bias === null || isOutputMap(name) ? linear.bias : gatherRows(linear.bias, 1, kept),
  }));
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
