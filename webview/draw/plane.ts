import {
  cellAt,
  fitAll,
  isWhole,
  panBy,
  resizeView,
  reveal,
  WHOLE_FROM,
  zoomAbout,
  type Viewport,
} from './viewport.ts';

/** The part of a plane of square cells that is in view. */
export interface PlaneView {
  /** Along a row. */
  readonly x: Viewport;
  /** Down a column. */
  readonly y: Viewport;
}

/** Device pixels to draw a plane in. */
export interface Room {
  readonly width: number;
  readonly height: number;
}

/** A cell of a plane. */
export interface PlaneCell {
  readonly row: number;
  readonly column: number;
}

/**
 * The whole plane, as large as fits.
 * @param mostScale  device pixels of a cell when zoomed in all the way
 */
export function fitPlane(rows: number, columns: number, room: Room, mostScale: number): PlaneView {
  const least = leastScale(rows, columns, room, mostScale);
  return {
    x: fitAll(columns, room.width, mostScale, least),
    y: fitAll(rows, room.height, mostScale, least),
  };
}

/** The view zoomed by a factor about a device pixel, which stays where it is as far as the ends allow. */
export function zoomPlane({ x, y }: PlaneView, px: number, py: number, factor: number): PlaneView {
  return { x: zoomAbout(x, px, factor), y: zoomAbout(y, py, factor) };
}

/** The view moved by device pixels; positive shows cells further right and down. */
export function panPlane({ x, y }: PlaneView, across: number, down: number): PlaneView {
  return { x: panBy(x, across), y: panBy(y, down) };
}

/** The view moved as little as needed to show a cell whole. */
export function revealCell({ x, y }: PlaneView, { row, column }: PlaneCell): PlaneView {
  return { x: reveal(x, column), y: reveal(y, row) };
}

/** The same view in a place of another size. */
export function resizePlane({ x, y }: PlaneView, room: Room, mostScale: number): PlaneView {
  const least = leastScale(y.cells, x.cells, room, mostScale);
  const next = (view: Viewport, pixels: number): Viewport =>
    isWhole(view)
      ? fitAll(view.cells, pixels, mostScale, least)
      : resizeView({ ...view, mostScale, leastScale: least }, pixels);
  return { x: next(x, room.width), y: next(y, room.height) };
}

/** The cell under a device pixel; null outside. */
export function planeCellAt({ x, y }: PlaneView, px: number, py: number): PlaneCell | null {
  const [row, column] = [cellAt(y, py), cellAt(x, px)];
  return row < 0 || column < 0 ? null : { row, column };
}

/** True when both show the same. */
export function sameView(one: PlaneView, other: PlaneView): boolean {
  const same = (a: Viewport, b: Viewport): boolean =>
    a.offset === b.offset && a.scale === b.scale && a.width === b.width;
  return same(one.x, other.x) && same(one.y, other.y);
}

/** The scale at which all is in view; whole pixels where cells are told apart. */
function leastScale(rows: number, columns: number, room: Room, mostScale: number): number {
  const fit = Math.min(room.width / Math.max(1, columns), room.height / Math.max(1, rows));
  return Math.min(mostScale, fit >= WHOLE_FROM ? Math.floor(fit) : fit);
}
