import {
  cellsInView,
  clampView,
  fitAll,
  panBy,
  reveal,
  zoomAbout,
  cellWidth,
  type Viewport,
} from '../draw/viewport.ts';
import type { Band } from './units.ts';

/** Where a strip's keyboard is. */
export interface StripPlace {
  readonly view: Viewport;
  readonly cell: number;
  readonly row: number;
}

const ZOOM = 2;

/**
 * What a key does: arrows move the cell, up and down change the row (or, in a strip that is read as a
 * whole column, jump to the next band), page keys move by what is in view, plus, minus and zero zoom.
 * @param rows  rows that the cursor tells apart; 1 = it marks the whole column
 * @returns null for keys that mean nothing here
 */
export function afterKey(
  key: string,
  place: StripPlace,
  rows: number,
  bands: readonly Band[],
): StripPlace | null {
  const { view, cell, row } = place;
  const page = Math.max(1, Math.floor(cellsInView(view)));
  const at = (next: number, nextRow = row): StripPlace => {
    const bounded = Math.max(0, Math.min(view.cells - 1, next));
    const line = Math.max(0, Math.min(rows - 1, nextRow));
    return { view: reveal(view, bounded), cell: bounded, row: line };
  };
  const zoom = (factor: number): StripPlace => {
    const shown = reveal(view, cell);
    const x = (cell + 0.5 - shown.offset) * cellWidth(shown);
    return { view: reveal(zoomAbout(shown, x, factor), cell), cell, row };
  };
  switch (key) {
    case 'ArrowLeft':
      return at(cell - 1);
    case 'ArrowRight':
      return at(cell + 1);
    case 'ArrowUp':
      return rows > 1 ? at(cell, row - 1) : at(bandBefore(bands, cell));
    case 'ArrowDown':
      return rows > 1 ? at(cell, row + 1) : at(bandAfter(bands, cell));
    case 'Home':
      return at(0);
    case 'End':
      return at(view.cells - 1);
    case 'PageUp':
      return at(cell - page);
    case 'PageDown':
      return at(cell + page);
    case '+':
    case '=':
      return zoom(ZOOM);
    case '-':
    case '_':
      return zoom(1 / ZOOM);
    case '0':
      return { view: fitAll(view.cells, view.width, view.mostScale), cell, row };
    default:
      return null;
  }
}

/** The view after a turn of the wheel; null when the page should scroll instead. */
export function afterWheel(
  view: Viewport,
  x: number,
  deltaX: number,
  deltaY: number,
  ratio: number,
): Viewport | null {
  const next =
    Math.abs(deltaX) > Math.abs(deltaY)
      ? panBy(view, deltaX * ratio)
      : zoomAbout(view, x, Math.exp(-deltaY * 0.002));
  return next.offset === view.offset && next.scale === view.scale ? null : next;
}

/** The view in which a band fills the width. */
export function showBand(view: Viewport, start: number, end: number): Viewport {
  const scale = view.width / Math.max(1, end - start);
  // Rounding to whole pixels must not push the end out of view.
  const whole = scale >= 4 ? Math.floor(scale) : scale;
  return clampView({ ...view, scale: whole, offset: start });
}

function bandBefore(bands: readonly Band[], cell: number): number {
  return bands.findLast(({ start }) => start < cell)?.start ?? 0;
}

function bandAfter(bands: readonly Band[], cell: number): number {
  return bands.find(({ start }) => start > cell)?.start ?? cell;
}
