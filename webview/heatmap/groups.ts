import type { UnitLayout } from '../../src/protocol/unitLayout.ts';
import { countBits } from './bitPlanes.ts';
import { bandsOf, type Band } from './units.ts';

/** Columns the neurons are gathered in. */
export const MLP_COLUMNS = 64;

/** Shares of a model in layers × columns. */
export interface Shares {
  /** [layers · columns], row after row, each 0..1 (changes: -1..1). */
  readonly cells: Float32Array;
  /** [layers], the same over all units of a layer. */
  readonly layers: Float32Array;
}

/**
 * The columns of the overview: for each head its query/key and its value/output units side by side,
 * then the neurons in groups of equal size (the last may be smaller).
 */
export function overviewColumns(layout: UnitLayout, mlpColumns = MLP_COLUMNS): Band[] {
  const bands = bandsOf(layout);
  const heads = bands.filter(({ kind }) => kind !== 'mlp');
  heads.sort((a, b) => a.head - b.head || (a.kind === b.kind ? 0 : a.kind === 'qk' ? -1 : 1));
  const neurons = bands.find(({ kind }) => kind === 'mlp');
  if (neurons === undefined) return heads;
  const size = Math.ceil((neurons.end - neurons.start) / mlpColumns);
  const groups: Band[] = [];
  for (let start = neurons.start; start < neurons.end; start += size) {
    groups.push({ kind: 'mlp', head: -1, start, end: Math.min(start + size, neurons.end) });
  }
  return [...heads, ...groups];
}

/** Share of set bits in each column and each layer. */
export function keptShares(bits: Uint8Array, layout: UnitLayout, columns: readonly Band[]): Shares {
  return gather(layout, columns, (layer, start, end) => countBits(bits, layout, layer, start, end));
}

/** Share of units gained less share lost, against a reference. */
export function changeShares(
  subject: Uint8Array,
  reference: Uint8Array,
  layout: UnitLayout,
  columns: readonly Band[],
): Shares {
  return gather(
    layout,
    columns,
    (layer, start, end) =>
      countBits(subject, layout, layer, start, end) -
      countBits(reference, layout, layer, start, end),
  );
}

/**
 * Mean of a plane of bytes in each column and each layer, 255 counting as 1.
 * @param plane  [layers · perLayer]
 */
export function meanShares(
  plane: Uint8Array,
  layout: UnitLayout,
  columns: readonly Band[],
): Shares {
  return gather(layout, columns, (layer, start, end) => {
    let sum = 0;
    const base = layer * layout.perLayer;
    for (let i = base + start; i < base + end; i++) sum += plane[i]!;
    return sum / 255;
  });
}

/** Share of the units of one kind that a layer keeps. */
export function keptShareOf(
  bits: Uint8Array,
  layout: UnitLayout,
  layer: number,
  { start, end }: Pick<Band, 'start' | 'end'>,
): number {
  return end > start ? countBits(bits, layout, layer, start, end) / (end - start) : 1;
}

function gather(
  layout: UnitLayout,
  columns: readonly Band[],
  total: (layer: number, start: number, end: number) => number,
): Shares {
  const cells = new Float32Array(layout.layers * columns.length);
  const layers = new Float32Array(layout.layers);
  for (let layer = 0; layer < layout.layers; layer++) {
    let whole = 0;
    columns.forEach(({ start, end }, column) => {
      const sum = total(layer, start, end);
      whole += sum;
      cells[layer * columns.length + column] = sum / (end - start);
    });
    layers[layer] = whole / layout.perLayer;
  }
  return { cells, layers };
}
