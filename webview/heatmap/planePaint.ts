import { outline } from '../draw/outline.ts';
import { pixel } from '../draw/colour.ts';
import type { CanvasTheme } from '../draw/canvasTheme.ts';
import type { PlaneCell, PlaneView } from '../draw/plane.ts';
import { clearRaster, fillRect, type Raster } from '../draw/raster.ts';
import { cellLeft, cellsInView, cellWidth, isWhole, type Viewport } from '../draw/viewport.ts';
import { levelFor } from './mips.ts';
import { FIRST_COPY, secondLevelRow, type PlaneMips } from './planeMips.ts';
import type { PlaneGeometry } from './planeGeometry.ts';
import { GAP, GROUP_GAP, placeCells } from './stripPaint.ts';

/** Groups of neighbours that compete with each other. */
export interface PlaneGroups {
  /** Cells of a group; 0 when whole rows or columns compete. */
  readonly size: number;
  readonly along: 'inputs' | 'outputs';
}

/** Memory that every frame uses again. */
export interface PlaneScratch {
  readonly columns: Int32Array;
  readonly rows: Int32Array;
  /** A row of level 1. */
  readonly line: Uint8Array;
}

/** Memory for a raster and a plane of these widths. */
export function planeScratch(raster: Raster, columns: number): PlaneScratch {
  return {
    columns: new Int32Array(raster.width),
    rows: new Int32Array(raster.height),
    line: new Uint8Array(Math.ceil(columns / 2)),
  };
}

/**
 * Paints the cells in view: single bits, or the mean of those under a pixel.
 * @param table  pixel of each share, 0 = no bit set
 */
export function paintPlane(
  raster: Raster,
  geometry: PlaneGeometry,
  view: PlaneView,
  mips: PlaneMips,
  table: Uint32Array,
  groups: PlaneGroups,
  theme: CanvasTheme,
  scratch: PlaneScratch,
): void {
  clearRaster(raster);
  const { left, top, ratio, plotWidth, plotHeight } = geometry;
  const level = Math.min(levelFor(cellWidth(view.x), 32), Math.max(1, mips.levels.length - 1));
  const across = groups.along === 'inputs' ? groups.size : 0;
  const down = groups.along === 'outputs' ? groups.size : 0;
  const [columns, rows] = [scratch.columns, scratch.rows];
  placeCells(columns, { left, plot: plotWidth, ratio }, view.x, level, across);
  placeCells(rows, { left: top, plot: plotHeight, ratio }, view.y, level, down);
  const line = pixel(theme.lost);
  const right = left + lastCell(columns, left, plotWidth);
  let before = GAP;
  for (let y = top; y < top + plotHeight; y++) {
    const row = rows[y]!;
    const from = y * raster.width;
    if (row === GROUP_GAP) raster.pixels.fill(line, from + left, from + right);
    if (row < 0) continue;
    if (row === before) {
      const last = from - raster.width;
      raster.pixels.copyWithin(from + left, last + left, last + right);
      continue;
    }
    // After a gap the row is another one.
    before = row;
    if (level === 0) bitRow(raster, from, left, right, row, mips, table, columns, line);
    else {
      const shares = level < FIRST_COPY ? scratch.line : mips.levels[level]!.shares;
      if (level < FIRST_COPY) {
        secondLevelRow(mips.plane, row, scratch.line, columns[left], columns[right - 1]! + 1);
      }
      const start = level < FIRST_COPY ? 0 : row * mips.levels[level]!.columns;
      for (let x = left; x < right; x++) {
        raster.pixels[from + x] = table[shares[start + columns[x]!]!]!;
      }
    }
  }
  paintThumbs(raster, geometry, view, theme);
}

/** Paints the place of a plane that is not there yet. */
export function paintPlanePlace(
  raster: Raster,
  geometry: PlaneGeometry,
  view: PlaneView,
  theme: CanvasTheme,
): void {
  clearRaster(raster);
  const { left, top } = geometry;
  fillRect(raster, left, top, shownOf(view.x), shownOf(view.y), pixel(theme.removed));
}

/** Outlines a cell that is large enough to be seen, or marks its place by lines to the edges. */
export function paintPlaneCursor(
  context: CanvasRenderingContext2D,
  { left, top, ratio, plotWidth, plotHeight }: PlaneGeometry,
  view: PlaneView,
  { row, column }: PlaneCell,
  theme: CanvasTheme,
): void {
  const size = Math.max(5 * ratio, Math.floor(cellWidth(view.x)));
  const [x, y] = [cellLeft(view.x, column), cellLeft(view.y, row)];
  if (x < -size || y < -size || x > plotWidth || y > plotHeight) return;
  outline(context, { x: left + x, y: top + y, width: size, height: size }, ratio, theme);
}

/** Device pixels that the cells of a view take. */
export function shownOf(view: Viewport): number {
  return Math.min(view.width, Math.round(view.cells * cellWidth(view)));
}

function bitRow(
  { pixels }: Raster,
  from: number,
  left: number,
  right: number,
  row: number,
  { plane }: PlaneMips,
  table: Uint32Array,
  columns: Int32Array,
  line: number,
): void {
  const { bits } = plane;
  const start = row * Math.ceil(plane.columns / 8);
  const [removed, kept] = [table[0]!, table[255]!];
  for (let x = left; x < right; x++) {
    const column = columns[x]!;
    if (column < 0) {
      if (column === GROUP_GAP) pixels[from + x] = line;
      continue;
    }
    pixels[from + x] = (bits[start + (column >> 3)]! >> (column & 7)) & 1 ? kept : removed;
  }
}

/** Pixels up to the last one with a cell, or with a gap within. */
function lastCell(cells: Int32Array, left: number, plot: number): number {
  let last = plot;
  while (last > 0 && cells[left + last - 1] === GAP) last--;
  return last;
}

/** Bars beside the plane that show which part of it is in view. */
function paintThumbs(
  raster: Raster,
  { left, top, thumb, ratio, plotWidth, plotHeight }: PlaneGeometry,
  { x, y }: PlaneView,
  theme: CanvasTheme,
): void {
  if (isWhole(x) && isWhole(y)) return;
  const [track, ink] = [pixel(theme.removed), pixel(theme.faint)];
  const least = Math.round(12 * ratio);
  const [fromX, lengthX] = thumbOf(x, shownOf(x), least);
  const [fromY, lengthY] = thumbOf(y, shownOf(y), least);
  const gap = Math.round(3 * ratio);
  fillRect(raster, left, top + plotHeight + gap, shownOf(x), thumb, track);
  fillRect(raster, left + fromX, top + plotHeight + gap, lengthX, thumb, ink);
  fillRect(raster, left + plotWidth + gap, top, thumb, shownOf(y), track);
  fillRect(raster, left + plotWidth + gap, top + fromY, thumb, lengthY, ink);
}

function thumbOf(view: Viewport, length: number, least: number): [from: number, length: number] {
  const share = Math.min(1, cellsInView(view) / view.cells);
  const size = Math.max(least, Math.round(share * length));
  const from = Math.round((view.offset / view.cells) * length);
  return [Math.min(from, length - size), size];
}
