import { outline } from '../draw/outline.ts';
import { css, luminance, mix, pixel } from '../draw/colour.ts';
import type { CanvasTheme } from '../draw/canvasTheme.ts';
import { clearRaster, fillRect, hatchRect, type Hatch, type Raster } from '../draw/raster.ts';
import { rgbOf } from '../draw/ramps.ts';
import { count, labelStep, percent, signedPercent } from '../draw/ticks.ts';
import type { OverviewGeometry } from './overviewGeometry.ts';
import type { Picture } from './picture.ts';
import type { Band } from './units.ts';

/** The hatching of a theme at a pixel density. */
export function hatchOf(theme: CanvasTheme, ratio: number): Hatch {
  return {
    pixel: pixel(theme.hatch),
    period: Math.round((theme.highContrast ? 6 : 5) * ratio),
    thickness: Math.max(1, Math.round((theme.highContrast ? 2 : 1) * ratio)),
  };
}

/** The hatching on a colour of a table: lines that show on it, be it dark or bright. */
export function hatchOn(below: number, theme: CanvasTheme, ratio: number, strength = 0.55): Hatch {
  const colour = rgbOf(below);
  const ink = luminance(colour) > 0.25 ? ([0, 0, 0] as const) : ([255, 255, 255] as const);
  return {
    ...hatchOf(theme, ratio),
    pixel: pixel(mix(colour, ink, theme.highContrast ? Math.min(1, strength * 1.8) : strength)),
  };
}

/** The place of a share in a table of colours. */
export function tableIndex(picture: Picture, value: number): number {
  const share = picture.mode === 'difference' ? (value / picture.legend.bound + 1) / 2 : value;
  return Math.max(0, Math.min(255, Math.round(share * 255)));
}

/** Whether a cell is hatched: nothing of it is kept, or less than before. */
export function isHatched(picture: Picture, value: number): boolean {
  if (picture.mode === 'importance') return false;
  return picture.mode === 'difference' ? value < -0.002 : value === 0;
}

/** Paints the cells and the bars. */
export function paintCells(
  raster: Raster,
  geometry: OverviewGeometry,
  picture: Picture,
  theme: CanvasTheme,
): void {
  clearRaster(raster);
  const { cells } = picture.shares;
  const { lefts, pitches, gap, top, rowPitch, rowHeight, layers } = geometry;
  for (let layer = 0; layer < layers; layer++) {
    const y = top + layer * rowPitch;
    for (let column = 0; column < lefts.length; column++) {
      const value = cells[layer * lefts.length + column]!;
      const [x, width] = [lefts[column]!, pitches[column]! - gap];
      const colour = picture.legend.table[tableIndex(picture, value)]!;
      fillRect(raster, x, y, width, rowHeight, colour);
      if (!isHatched(picture, value)) continue;
      // Of changes, the slight are hatched slightly.
      const share = picture.mode === 'difference' ? -value / picture.legend.bound : 1;
      const ink = hatchOn(colour, theme, geometry.ratio, 0.15 + 0.4 * share);
      hatchRect(raster, x, y, width, rowHeight, ink);
    }
  }
  paintBars(raster, geometry, picture, theme);
}

/** Paints the places of cells and bars that are not there yet. */
export function paintPlaces(raster: Raster, geometry: OverviewGeometry, theme: CanvasTheme): void {
  clearRaster(raster);
  const { lefts, pitches, gap, top, rowPitch, rowHeight, layers, barLeft, barWidth } = geometry;
  const colour = pixel(theme.removed);
  for (let layer = 0; layer < layers; layer++) {
    const y = top + layer * rowPitch;
    lefts.forEach((x, i) => {
      fillRect(raster, x, y, pitches[i]! - gap, rowHeight, colour);
    });
    fillRect(raster, barLeft, y, barWidth, rowHeight, colour);
  }
}

/** Writes rows, columns and numbers. */
export function paintLabels(
  context: CanvasRenderingContext2D,
  geometry: OverviewGeometry,
  picture: Picture | null,
  columns: readonly Band[],
  theme: CanvasTheme,
  words: { readonly head: string },
): void {
  const { ratio, top, rowPitch, rowHeight, rowStep, layers, lefts } = geometry;
  context.font = scaledFont(theme.font, ratio);
  context.fillStyle = css(theme.faint);
  context.textBaseline = 'middle';
  context.textAlign = 'right';
  for (let layer = 0; layer < layers; layer += rowStep) {
    const y = top + layer * rowPitch + rowHeight / 2;
    context.fillText(String(layer), (lefts[0] ?? 0) - 8 * ratio, y);
    if (picture === null) continue;
    const value = picture.bars[layer]!;
    const text = picture.mode === 'difference' ? signedPercent(value, 1) : percent(value);
    context.fillText(text, geometry.numberRight, y);
  }
  headerLabels(context, geometry, columns, theme, words, picture?.barTitle ?? 'Kept');
  if (theme.highContrast) paintFrames(context, geometry, columns, theme);
}

/** Borders around the parts, which high contrast asks for. */
function paintFrames(
  context: CanvasRenderingContext2D,
  geometry: OverviewGeometry,
  columns: readonly Band[],
  theme: CanvasTheme,
): void {
  const { lefts, pitches, gap, top, rowPitch, rowHeight, layers, barLeft, barWidth } = geometry;
  const height = rowPitch * (layers - 1) + rowHeight;
  const line = Math.max(1, Math.round(geometry.ratio));
  context.strokeStyle = css(theme.line);
  context.lineWidth = line;
  const frame = (left: number, right: number): void => {
    const out = line * 1.5;
    context.strokeRect(left - out, top - out, right - left + 2 * out, height + 2 * out);
  };
  const firstNeuron = columns.findIndex(({ kind }) => kind === 'mlp');
  const edge = (column: number): number => lefts[column]! + pitches[column]! - gap;
  const heads = firstNeuron < 0 ? columns.length : firstNeuron;
  if (heads > 0) frame(lefts[0]!, edge(heads - 1));
  if (firstNeuron >= 0) frame(lefts[firstNeuron]!, edge(columns.length - 1));
  frame(barLeft, barLeft + barWidth);
}

/** Outlines a cell. */
export function paintCursor(
  context: CanvasRenderingContext2D,
  geometry: OverviewGeometry,
  cell: { readonly layer: number; readonly column: number },
  theme: CanvasTheme,
): void {
  const { ratio, lefts, pitches, gap, top, rowPitch, rowHeight } = geometry;
  const x = lefts[cell.column]!;
  const width = Math.max(1, pitches[cell.column]! - gap);
  const y = top + cell.layer * rowPitch;
  outline(context, { x, y, width, height: rowHeight }, ratio, theme);
}

/** A font of CSS pixels, in device pixels. */
export function scaledFont(font: string, ratio: number): string {
  return font.replace(/^([\d.]+)px/, (_, size: string) => `${Number(size) * ratio}px`);
}

function paintBars(
  raster: Raster,
  geometry: OverviewGeometry,
  picture: Picture,
  theme: CanvasTheme,
): void {
  const { barLeft, barWidth, top, rowPitch, rowHeight, layers } = geometry;
  const track = pixel(mix(theme.background, theme.foreground, theme.highContrast ? 0.25 : 0.1));
  const [more, less] = [pixel(theme.kept), pixel(theme.lost)];
  const middle = barLeft + Math.floor(barWidth / 2);
  let greatest = 0;
  for (const value of picture.bars) greatest = Math.max(greatest, Math.abs(value));
  for (let layer = 0; layer < layers; layer++) {
    const y = top + layer * rowPitch;
    const value = picture.bars[layer]!;
    fillRect(raster, barLeft, y, barWidth, rowHeight, track);
    if (picture.mode !== 'difference') {
      fillRect(raster, barLeft, y, Math.round(value * barWidth), rowHeight, more);
      continue;
    }
    // Changes are small: the greatest of them fills its half.
    const half = greatest > 0 ? Math.round((value / greatest) * (barWidth / 2)) : 0;
    if (half > 0) fillRect(raster, middle, y, half, rowHeight, more);
    if (half < 0) fillRect(raster, middle + half, y, -half, rowHeight, less);
    fillRect(raster, middle, y, 1, rowHeight, pixel(theme.faint));
  }
}

function headerLabels(
  context: CanvasRenderingContext2D,
  geometry: OverviewGeometry,
  columns: readonly Band[],
  theme: CanvasTheme,
  words: { readonly head: string },
  barTitle: string,
): void {
  const { ratio, top, lefts, pitches } = geometry;
  const [high, middle, low] = [top - 41 * ratio, top - 25 * ratio, top - 10 * ratio];
  const firstNeuron = columns.findIndex(({ kind }) => kind === 'mlp');
  const heads = firstNeuron < 0 ? columns.length : firstNeuron;
  context.textAlign = 'left';
  context.fillStyle = css(theme.foreground);
  if (heads > 0) {
    const end = lefts[heads - 1]! + pitches[heads - 1]!;
    const short = words.head === 'head' ? 'Heads' : 'KV heads';
    const full = `${short}: query/key (QK), value/output (VO)`;
    // What does not fit above the heads may run on above the gap beside them.
    const room = (lefts[heads] ?? geometry.barLeft) - lefts[0]! - 4 * ratio;
    fit(
      context,
      [full, `${short}: QK, VO`, short],
      lefts[0]!,
      high,
      Math.max(room, end - lefts[0]!),
    );
  }
  if (firstNeuron >= 0) {
    const group = columns[firstNeuron]!;
    const size = group.end - group.start;
    const left = lefts[firstNeuron]!;
    const full = size === 1 ? 'Neurons' : `Neurons, in groups of ${count(size)}`;
    fit(context, [full, 'Neurons'], left, high, geometry.right - left);
  }
  context.fillText(barTitle, geometry.barLeft, high);
  context.fillStyle = css(theme.faint);
  context.textAlign = 'right';
  context.fillText(BLOCK, (lefts[0] ?? 0) - 6 * ratio, low);
  if (heads > 1) headNumbers(context, geometry, heads / 2, middle);
  if (heads > 1) partNames(context, geometry, heads, low);
  if (firstNeuron >= 0) neuronNumbers(context, geometry, columns, firstNeuron, low);
}

function headNumbers(
  context: CanvasRenderingContext2D,
  { lefts, pitches, ratio }: OverviewGeometry,
  heads: number,
  y: number,
): void {
  const pitch = heads > 1 ? lefts[2]! - lefts[0]! : pitches[0]! * 2;
  const step = labelStep(pitch / ratio, 18);
  context.textAlign = 'center';
  for (let head = 0; head < heads; head += step) {
    context.fillText(String(head), lefts[2 * head]! + pitches[2 * head]!, y);
  }
}

/** Which of the two columns of a head is which, where there is room for it. */
function partNames(
  context: CanvasRenderingContext2D,
  { lefts, pitches, gap }: OverviewGeometry,
  columns: number,
  y: number,
): void {
  const widest = Math.max(...PARTS.map((name) => context.measureText(name).width));
  if (widest > pitches[0]! - gap) return;
  context.textAlign = 'center';
  for (let column = 0; column < columns; column++) {
    context.fillText(PARTS[column % 2]!, lefts[column]! + (pitches[column]! - gap) / 2, y);
  }
}

const PARTS = ['QK', 'VO'] as const;
const BLOCK = 'Block';

function neuronNumbers(
  context: CanvasRenderingContext2D,
  { lefts, pitches, ratio, right }: OverviewGeometry,
  columns: readonly Band[],
  first: number,
  y: number,
): void {
  const step = labelStep(pitches[first]! / ratio, 64);
  const start = columns[first]!.start;
  context.textAlign = 'left';
  for (let column = first; column < columns.length; column += step) {
    const text = count(columns[column]!.start - start);
    if (lefts[column]! + context.measureText(text).width > right) break;
    context.fillText(text, lefts[column]!, y);
  }
}

/** Writes the first text that fits. */
function fit(
  context: CanvasRenderingContext2D,
  texts: readonly string[],
  x: number,
  y: number,
  width: number,
): void {
  const text = texts.find((one) => context.measureText(one).width <= width);
  context.fillText(text ?? texts.at(-1)!, x, y);
}
