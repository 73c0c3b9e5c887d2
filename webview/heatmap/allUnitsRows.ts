import type { UnitLayout } from '../../src/protocol/unitLayout.ts';
import type { CanvasTheme } from '../draw/canvasTheme.ts';
import { expandBits, expandChange } from './bitPlanes.ts';
import type { HeatmapMode } from './heatmapState.ts';
import { changeLevels, meanLevels, type Levels } from './mips.ts';
import { hatchOn } from './overviewPaint.ts';
import type { Legend, Planes } from './picture.ts';
import type { StripRow } from './stripPaint.ts';

/** The rows of all layers, of which some may still be empty. */
export interface AllUnitsRows {
  readonly rows: readonly StripRow[];
  /**
   * Fills more rows, the first in any case.
   * @param until  time on `performance.now()`'s clock at which it stops
   * @returns true when all are filled
   */
  fill(until: number): boolean;
}

/**
 * One row for each layer, filled piece by piece: the halvings of a large model take longer than a
 * frame may.
 * @param planes  whose planes fit the layout
 */
export function allUnitsRows(
  mode: HeatmapMode,
  planes: Planes,
  layout: UnitLayout,
  legend: Legend,
  theme: CanvasTheme,
  ratio: number,
): AllUnitsRows {
  const { table } = legend;
  const hatchBelow = { mask: 1, importance: 0, frequency: 1, difference: 128 }[mode];
  const hatch = hatchOn(table[0]!, theme, ratio, 0.4);
  const rows = Array.from({ length: layout.layers }, (_, layer) => ({
    ...{ label: String(layer), table, hatchBelow, hatch, missing: '' },
    levels: null as Levels | null,
  }));
  let next = 0;
  return {
    rows,
    fill(until) {
      do {
        const row = rows[next];
        if (row === undefined) return true;
        row.levels = levelsOf(mode, planes, layout, next);
        next++;
      } while (performance.now() < until);
      return next === rows.length;
    },
  };
}

function levelsOf(
  mode: HeatmapMode,
  { subject, reference, importance, frequency }: Planes,
  layout: UnitLayout,
  layer: number,
): Levels | null {
  const cut = (plane: Uint8Array | undefined | null): Levels | null => {
    if (plane === null || plane === undefined) return null;
    return meanLevels(plane.subarray(layer * layout.perLayer, (layer + 1) * layout.perLayer));
  };
  switch (mode) {
    case 'mask':
      return subject.value && meanLevels(expandBits(subject.value, layout, layer));
    case 'importance':
      return cut(importance.value);
    case 'frequency':
      return cut(frequency.value?.shares);
    case 'difference':
      return (
        subject.value &&
        reference.value &&
        changeLevels(expandChange(subject.value, reference.value, layout, layer))
      );
  }
}
