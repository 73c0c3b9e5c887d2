import { outline } from '../draw/outline.ts';
import { pixel } from '../draw/colour.ts';
import type { CanvasTheme } from '../draw/canvasTheme.ts';
import { clearRaster, fillRect, paintBand, type Hatch, type Raster } from '../draw/raster.ts';
import { cellWidth, cellsInView, isWhole, type Viewport } from '../draw/viewport.ts';
import { levelFor, type Levels } from './mips.ts';
import type { StripGeometry } from './stripGeometry.ts';

/** One row of cells. */
export interface StripRow {
  readonly label: string;
  /** Values and their halvings; null while they are not there. */
  readonly levels: Levels | null;
  /** Pixel of each value. */
  readonly table: Uint32Array;
  /** Values below this are hatched; 0 = none. */
  readonly hatchBelow: number;
  readonly hatch: Hatch;
  /** Says why there is nothing to see; empty otherwise. */
  readonly missing: string;
}

/** Memory that every frame uses again. */
export interface StripScratch {
  readonly line: Uint32Array;
  readonly flags: Uint8Array;
  /** Cell of each pixel at the level drawn; negative in the gaps between cells. */
  readonly cells: Int32Array;
}

/** From this many device pixels on, a gap sets cells apart. */
const GAP_FROM = 7;

/** Memory for a raster of this width. */
export function stripScratch(width: number): StripScratch {
  return {
    line: new Uint32Array(width),
    flags: new Uint8Array(width),
    cells: new Int32Array(width),
  };
}

/**
 * Paints the map and the rows.
 * @param mapped  row that the map shows; null for an empty one
 */
export function paintStrip(
  raster: Raster,
  geometry: StripGeometry,
  view: Viewport,
  rows: readonly StripRow[],
  mapped: StripRow | null,
  theme: CanvasTheme,
  scratch: StripScratch,
): void {
  clearRaster(raster);
  paintMap(raster, geometry, view, mapped, theme, scratch);
  const level = levelFor(cellWidth(view), 32);
  const place = pixel(theme.removed);
  placeCells(scratch.cells, geometry, view, level);
  for (let i = 0; i < rows.length; i++) {
    const [row, top] = [rows[i]!, geometry.top + i * geometry.rowPitch];
    if (row.levels !== null) paintRow(raster, geometry, row, row.levels, top, level, scratch);
    else if (row.missing === '') {
      fillRect(raster, geometry.left, top, geometry.plot, geometry.rowHeight, place);
    }
  }
}

/** What {@link placeCells} writes where nothing of a cell is. */
export const GAP = -1;
/** The gap behind the last cell of a group. */
export const GROUP_GAP = -2;

/**
 * Which cell of a level every pixel shows.
 * @param cells  [raster width]; written between the edges of the plot
 * @param group  cells that belong together; 0 when none do
 */
export function placeCells(
  cells: Int32Array,
  { left, plot, ratio }: { readonly left: number; readonly plot: number; readonly ratio: number },
  view: Viewport,
  level: number,
  group = 0,
): void {
  const width = cellWidth(view);
  const gap = width >= GAP_FROM * ratio ? Math.max(1, Math.floor(ratio)) : 0;
  const shrink = 1 / 2 ** level;
  for (let x = 0; x < plot; x++) {
    // The middle of a pixel, so that no rounding of the offset moves it over a border.
    const place = view.offset + (x + 0.5) / width;
    const cell = Math.floor(place);
    const endsGroup = group > 0 && (cell + 1) % group === 0;
    const inGap = gap > 0 && (place - cell) * width > width - (endsGroup ? 2 * gap : gap);
    if (cell >= view.cells) cells[left + x] = GAP;
    else if (inGap) cells[left + x] = endsGroup ? GROUP_GAP : GAP;
    else cells[left + x] = Math.floor(cell * shrink);
  }
}

function paintRow(
  raster: Raster,
  { left, plot, rowHeight }: StripGeometry,
  row: StripRow,
  levels: Levels,
  top: number,
  level: number,
  { line, flags, cells }: StripScratch,
): void {
  const values = levels[Math.min(level, levels.length - 1)]!;
  const { table, hatchBelow } = row;
  const right = left + plot;
  for (let x = left; x < right; x++) {
    const cell = cells[x]!;
    if (cell < 0) {
      line[x] = 0;
      flags[x] = 0;
      continue;
    }
    const value = values[cell]!;
    line[x] = table[value]!;
    flags[x] = value < hatchBelow ? 1 : 0;
  }
  const rect = { left, right, top, height: rowHeight };
  paintBand(raster, line, hatchBelow > 0 ? flags : null, rect, row.hatch);
}

/** The whole strip in little, with a frame around what is in view. */
function paintMap(
  raster: Raster,
  geometry: StripGeometry,
  view: Viewport,
  row: StripRow | null,
  theme: CanvasTheme,
  scratch: StripScratch,
): void {
  const { left, plot, map, ratio } = geometry;
  const inset = Math.round(2 * ratio);
  const levels = row?.levels ?? null;
  if (row === null || levels === null) {
    fillRect(raster, left, inset, plot, map - 2 * inset, pixel(theme.removed));
  } else {
    const level = levelFor(plot / view.cells, levels.length);
    const values = levels[level]!;
    const perPixel = view.cells / plot / 2 ** level;
    for (let x = 0; x < plot; x++) {
      scratch.line[left + x] = row.table[values[Math.floor((x + 0.5) * perPixel)] ?? 0]!;
    }
    const rect = { left, right: left + plot, top: inset, height: map - 2 * inset };
    paintBand(raster, scratch.line, null, rect, row.hatch);
  }
  if (isWhole(view)) return;
  const [from, to] = mapWindow(geometry, view);
  const line = Math.max(1, Math.round(ratio));
  const ink = pixel(theme.foreground);
  fillRect(raster, from, 0, to - from, line, ink);
  fillRect(raster, from, map - line, to - from, line, ink);
  fillRect(raster, from, 0, line, map, ink);
  fillRect(raster, to - line, 0, line, map, ink);
}

/** Left and right edge of what is in view, on the map. */
function mapWindow({ left, plot, ratio }: StripGeometry, view: Viewport): [number, number] {
  const from = left + Math.floor((view.offset / view.cells) * plot);
  const wide = Math.max(Math.round(6 * ratio), (cellsInView(view) / view.cells) * plot);
  return [from, Math.min(left + plot, Math.round(from + wide))];
}

/** Outlines a column over all rows. */
export function paintStripCursor(
  context: CanvasRenderingContext2D,
  geometry: StripGeometry,
  at: { readonly left: number; readonly width: number; readonly row: number | null },
  theme: CanvasTheme,
): void {
  const { top, rowPitch, rowHeight, rows, ratio } = geometry;
  const x = geometry.left + at.left;
  const y = at.row === null ? top : top + at.row * rowPitch;
  const height = at.row === null ? rowPitch * (rows - 1) + rowHeight : rowHeight;
  outline(context, { x, y, width: at.width, height }, ratio, theme);
}
