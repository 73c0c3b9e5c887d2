/** The part of a long row of cells that is in view. */
export interface Viewport {
  /** Cells in the row. */
  readonly cells: number;
  /** Device pixels to draw them in. */
  readonly width: number;
  /** Cell at the left edge; may lie inside a cell. */
  readonly offset: number;
  /** Device pixels per cell, as asked for; `cellWidth` is what is drawn. */
  readonly scale: number;
  /** Greatest scale. */
  readonly mostScale: number;
  /** Least scale; without it all cells fill the width. */
  readonly leastScale?: number;
}

/** From this many pixels on, cells are drawn in whole pixels, so that all are equally wide. */
export const WHOLE_FROM = 4;

/** All cells in view. */
export function fitAll(
  cells: number,
  width: number,
  mostScale: number,
  leastScale?: number,
): Viewport {
  const floor = leastScale === undefined ? {} : { leastScale };
  return clampView({ cells, width, offset: 0, scale: 0, mostScale, ...floor });
}

/** Device pixels per cell as drawn: whole ones as soon as cells are told apart. */
export function cellWidth(view: Viewport): number {
  const least = scaleOfAll(view);
  if (view.scale <= least) return least;
  return view.scale < WHOLE_FROM ? view.scale : Math.round(view.scale);
}

/** Number of cells in view, in parts of a cell. */
export function cellsInView(view: Viewport): number {
  return view.width / cellWidth(view);
}

/** The view zoomed by a factor; the cell under pixel `x` stays where it is, where the ends allow. */
export function zoomAbout(view: Viewport, x: number, factor: number): Viewport {
  const next = clampView({ ...view, scale: Math.max(view.scale, scaleOfAll(view)) * factor });
  const anchor = view.offset + x / cellWidth(view);
  return clampView({ ...next, offset: anchor - x / cellWidth(next) });
}

/** The view moved by device pixels; positive shows cells further right. */
export function panBy(view: Viewport, pixels: number): Viewport {
  return clampView({ ...view, offset: view.offset + pixels / cellWidth(view) });
}

/** The view moved as little as needed to show a cell whole. */
export function reveal(view: Viewport, cell: number): Viewport {
  const shown = cellsInView(view);
  if (cell < view.offset) return clampView({ ...view, offset: cell });
  if (cell + 1 > view.offset + shown) return clampView({ ...view, offset: cell + 1 - shown });
  return view;
}

/** The same view in a place of another width. */
export function resizeView(view: Viewport, width: number): Viewport {
  return clampView({ ...view, width, scale: isWhole(view) ? 0 : view.scale });
}

/** True when every cell is in view. */
export function isWhole(view: Viewport): boolean {
  return view.scale <= scaleOfAll(view);
}

/** The cell under a device pixel; -1 outside. */
export function cellAt(view: Viewport, x: number): number {
  if (x < 0 || x >= view.width) return -1;
  const cell = Math.floor(view.offset + x / cellWidth(view) + 1e-9);
  return cell >= 0 && cell < view.cells ? cell : -1;
}

/** Device pixel where a cell begins, whole. */
export function cellLeft(view: Viewport, cell: number): number {
  return Math.round((cell - view.offset) * cellWidth(view));
}

/** The view with its scale and place within bounds, its left edge on a whole device pixel. */
export function clampView(view: Viewport): Viewport {
  const least = scaleOfAll(view);
  const scale = Math.min(Math.max(view.scale, least), Math.max(least, view.mostScale));
  const width = cellWidth({ ...view, scale });
  const last = Math.max(0, view.cells - view.width / width);
  const offset = Math.min(Math.max(0, view.offset), last);
  return { ...view, scale, offset: Math.round(offset * width) / width };
}

function scaleOfAll({ cells, width, leastScale }: Viewport): number {
  return leastScale ?? width / Math.max(1, cells);
}
