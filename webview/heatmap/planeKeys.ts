import {
  fitPlane,
  panPlane,
  revealCell,
  zoomPlane,
  type PlaneCell,
  type PlaneView,
} from '../draw/plane.ts';
import { cellLeft, cellsInView, cellWidth, panBy, reveal, zoomAbout } from '../draw/viewport.ts';

/** Where the keyboard is on a plane. */
export interface PlanePlace {
  readonly view: PlaneView;
  readonly cell: PlaneCell;
}

const ZOOM = 2;
/** Device pixels that an arrow moves by where cells are smaller than a mark on them. */
const STRIDE = 24;
/** Share of what is in view that stays around the cursor when it moves the view. */
const MARGIN = 0.1;

/**
 * What a key does: arrows move the cursor, from weight to weight where these can be told apart, and the
 * view follows it; page keys move by what is in view, plus and minus zoom about the cursor, zero and
 * Home show everything, Enter goes in as far as it goes.
 * @param ratio  device pixels per CSS pixel
 * @returns null for keys that mean nothing here
 */
export function planeAfterKey(key: string, place: PlanePlace, ratio: number): PlanePlace | null {
  const { view, cell } = place;
  const width = cellWidth(view.x);
  const step = width >= 6 * ratio ? 1 : Math.max(1, Math.round((STRIDE * ratio) / width));
  const page = Math.max(1, Math.floor(cellsInView(view.y) * 0.9));
  const by = (rows: number, columns: number): PlanePlace => {
    const next = {
      row: within(cell.row + rows, view.y.cells),
      column: within(cell.column + columns, view.x.cells),
    };
    return { view: follow(view, next), cell: next };
  };
  const zoom = (factor: number): PlanePlace => {
    const shown = revealCell(view, cell);
    const [x, y] = [middleOf(shown, cell).x, middleOf(shown, cell).y];
    return { view: revealCell(zoomPlane(shown, x, y, factor), cell), cell };
  };
  switch (key) {
    case 'ArrowLeft':
      return by(0, -step);
    case 'ArrowRight':
      return by(0, step);
    case 'ArrowUp':
      return by(-step, 0);
    case 'ArrowDown':
      return by(step, 0);
    case 'PageUp':
      return by(-page, 0);
    case 'PageDown':
      return by(page, 0);
    case '+':
    case '=':
      return zoom(ZOOM);
    case '-':
    case '_':
      return zoom(1 / ZOOM);
    case '0':
    case 'Home':
      return { view: wholeOf(view), cell };
    case 'Enter':
      return { view: closeUp(view, cell), cell };
    default:
      return null;
  }
}

/** The view after a turn of the wheel; null when the page should scroll instead. */
export function planeAfterWheel(
  view: PlaneView,
  at: { readonly x: number; readonly y: number },
  deltaX: number,
  deltaY: number,
  ratio: number,
): PlaneView | null {
  const next =
    Math.abs(deltaX) > Math.abs(deltaY)
      ? panPlane(view, deltaX * ratio, 0)
      : zoomPlane(view, at.x, at.y, Math.exp(-deltaY * 0.002));
  const moved = next.x.offset !== view.x.offset || next.y.offset !== view.y.offset;
  return moved || next.x.scale !== view.x.scale ? next : null;
}

/** Everything. */
export function wholeOf({ x, y }: PlaneView): PlaneView {
  return fitPlane(y.cells, x.cells, { width: x.width, height: y.width }, x.mostScale);
}

/** A cell in the middle, as large as it gets. */
export function closeUp(view: PlaneView, { row, column }: PlaneCell): PlaneView {
  const centred = (along: PlaneView['x'], cell: number): PlaneView['x'] => {
    const near = zoomAbout(along, 0, along.mostScale / cellWidth(along));
    const from = (cell + 0.5) * cellWidth(near) - near.width / 2;
    return panBy({ ...near, offset: 0 }, from);
  };
  return { x: centred(view.x, column), y: centred(view.y, row) };
}

/** The view moved so that a cell is in it with some room around. */
function follow(view: PlaneView, { row, column }: PlaneCell): PlaneView {
  const along = (axis: PlaneView['x'], cell: number): PlaneView['x'] => {
    const room = Math.floor(cellsInView(axis) * MARGIN);
    const before = reveal(axis, within(cell - room, axis.cells));
    return reveal(before, within(cell + room, axis.cells));
  };
  return { x: along(view.x, column), y: along(view.y, row) };
}

function middleOf(view: PlaneView, { row, column }: PlaneCell): { x: number; y: number } {
  const half = cellWidth(view.x) / 2;
  return { x: cellLeft(view.x, column) + half, y: cellLeft(view.y, row) + half };
}

function within(cell: number, cells: number): number {
  return Math.max(0, Math.min(cells - 1, cell));
}
