import type { UnitLayout } from '../../src/protocol/unitLayout.ts';
import type { CanvasTheme } from '../draw/canvasTheme.ts';
import { diverging, ramp, type RampName } from '../draw/ramps.ts';
import { expandBits, expandChange } from './bitPlanes.ts';
import type { HeatmapState } from './heatmapState.ts';
import { changeLevels, meanLevels, type Levels } from './mips.ts';
import { hatchOf } from './overviewPaint.ts';
import { keptTable, type Planes } from './picture.ts';
import type { StripRow } from './stripPaint.ts';

/** The values of one layer's units, in the order of the block; null where they are not there. */
export interface LayerPlanes {
  /** 0 or 255. */
  readonly kept: Uint8Array | null;
  /** 255 = best of its kind. */
  readonly ranks: Uint8Array | null;
  /** 255 = by all survivors. */
  readonly shares: Uint8Array | null;
  /** Survivors. */
  readonly subnets: number;
  /** 255 = gained, 128 = the same, 0 = lost. */
  readonly change: Uint8Array | null;
}

/** Cuts one layer out of a model's planes. What does not fit the model is left out. */
export function layerPlanes(planes: Planes, layout: UnitLayout, layer: number): LayerPlanes {
  const { layers, bytesPerLayer, perLayer } = layout;
  const bits = fitting(planes.subject.value, layers * bytesPerLayer);
  const before = fitting(planes.reference.value, layers * bytesPerLayer);
  const cut = (plane: Uint8Array | null): Uint8Array | null =>
    fitting(plane, layers * perLayer)?.subarray(layer * perLayer, (layer + 1) * perLayer) ?? null;
  return {
    kept: bits === null ? null : expandBits(bits, layout, layer),
    ranks: cut(planes.importance.value),
    shares: cut(planes.frequency.value?.shares ?? null),
    subnets: planes.frequency.value?.subnets ?? 0,
    change: bits === null || before === null ? null : expandChange(bits, before, layout, layer),
  };
}

/**
 * The four rows of a layer.
 * @param order  unit at each place; null for the order of the block
 */
export function detailRows(
  layer: LayerPlanes,
  order: Uint32Array | null,
  planes: Planes,
  state: HeatmapState,
  theme: CanvasTheme,
  palette: RampName,
  ratio: number,
): StripRow[] {
  const hatch = hatchOf(theme, ratio);
  const colours = ramp(palette);
  const change = diverging(theme.lost, theme.removed, theme.kept);
  const row = (
    label: string,
    values: Uint8Array | null,
    table: Uint32Array,
    hatchBelow: number,
    missing: string,
    levels: (values: Uint8Array) => Levels = meanLevels,
  ): StripRow => ({
    ...{ label, table, hatchBelow, hatch, missing: values === null ? missing : '' },
    levels: values === null ? null : levels(inOrder(values, order)),
  });
  const { subject, reference, importance, frequency } = planes;
  return [
    row('Mask', layer.kept, keptTable(theme), 1, why(subject, 'No subnet yet')),
    row(
      ...(['Importance', layer.ranks, colours, 0] as const),
      state.hasScores ? why(importance, '') : 'Scores appear when the Score stage is done',
    ),
    row(
      ...(['Survivors', layer.shares, colours, 1] as const),
      state.generation > 0 ? why(frequency, '') : 'Appears after the first generation',
    ),
    row(
      ...(['Change', layer.change, change, 128] as const),
      state.reference === null ? 'No second mask to compare with' : why(reference, ''),
      changeLevels,
    ),
  ];
}

/** Values brought into another order. */
export function inOrder(values: Uint8Array, order: Uint32Array | null): Uint8Array {
  if (order === null) return values;
  const sorted = new Uint8Array(values.length);
  for (let i = 0; i < order.length; i++) sorted[i] = values[order[i]!]!;
  return sorted;
}

function why(
  answer: { readonly loading: boolean; readonly failed: string | null },
  otherwise: string,
): string {
  if (answer.failed !== null) return answer.failed;
  return answer.loading ? 'Reading…' : otherwise;
}

function fitting(plane: Uint8Array | null, length: number): Uint8Array | null {
  return plane?.length === length ? plane : null;
}
