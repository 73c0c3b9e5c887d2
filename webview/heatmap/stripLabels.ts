import { css } from '../draw/colour.ts';
import type { CanvasTheme } from '../draw/canvasTheme.ts';
import { count, labelStep, niceStep } from '../draw/ticks.ts';
import { cellWidth, cellsInView, type Viewport } from '../draw/viewport.ts';
import { scaledFont } from './overviewPaint.ts';
import type { StripGeometry } from './stripGeometry.ts';
import type { StripRow } from './stripPaint.ts';
import type { Band, UnitKind, UnitWords } from './units.ts';

const KIND_NAMES: Readonly<Record<UnitKind, string>> = {
  qk: 'Query/key',
  vo: 'Value/output',
  mlp: 'Neurons',
};

/** What of a strip has words. */
export interface LabelledStrip {
  readonly rows: readonly StripRow[];
  /** Above the labels of the rows; may be empty. */
  readonly rowTitle: string;
  readonly bands: readonly Band[];
  readonly theme: CanvasTheme;
  readonly words: UnitWords;
  /** True when units stand by importance in their bands. */
  readonly sorted: boolean;
}

/** Writes the names of rows and bands, the numbers of heads and units, and lines between bands. */
export function paintStripLabels(
  context: CanvasRenderingContext2D,
  geometry: StripGeometry,
  view: Viewport,
  { rows, rowTitle, bands, theme, words, sorted }: LabelledStrip,
): void {
  context.font = scaledFont(theme.font, geometry.ratio);
  context.textBaseline = 'middle';
  rowLabels(context, geometry, rows, theme);
  context.textAlign = 'left';
  context.fillStyle = css(theme.faint);
  context.fillText(rowTitle, 0, geometry.numbers);
  context.save();
  context.beginPath();
  context.rect(geometry.left - 1, 0, geometry.plot + 2, geometry.height);
  context.clip();
  bandLabels(context, geometry, view, bands, theme, words, sorted);
  context.restore();
}

function rowLabels(
  context: CanvasRenderingContext2D,
  geometry: StripGeometry,
  rows: readonly StripRow[],
  theme: CanvasTheme,
): void {
  const { top, rowPitch, rowHeight, left, ratio } = geometry;
  const step = labelStep(rowPitch / ratio, 13);
  for (let i = 0; i < rows.length; i += step) {
    const row = rows[i]!;
    const y = top + i * rowPitch + rowHeight / 2;
    context.textAlign = 'right';
    context.fillStyle = css(theme.faint);
    context.fillText(row.label, left - 10 * ratio, y);
    if (row.missing === '') continue;
    context.textAlign = 'left';
    context.fillText(row.missing, left, y);
  }
}

function bandLabels(
  context: CanvasRenderingContext2D,
  geometry: StripGeometry,
  view: Viewport,
  bands: readonly Band[],
  theme: CanvasTheme,
  words: UnitWords,
  sorted: boolean,
): void {
  const { left, plot, numbers, ratio, top } = geometry;
  const width = cellWidth(view);
  const xOf = (cell: number): number => left + (cell - view.offset) * width;
  kindNames(context, geometry, xOf, bands, theme, sorted);
  let end = -Infinity;
  for (const band of bands) {
    const [from, to] = [xOf(band.start), xOf(band.end)];
    if (to < left || from > left + plot) continue;
    context.fillStyle = css(theme.line);
    if (band.start > 0 && to - from > 5 * ratio) {
      context.fillRect(Math.round(from), numbers + 7 * ratio, Math.ceil(ratio), top - numbers);
    }
    context.fillStyle = css(theme.faint);
    if (band.kind === 'mlp' || to - from > 120 * ratio) {
      end = unitNumbers(context, geometry, view, band, words, end);
      continue;
    }
    const text = String(band.head);
    const wide = context.measureText(text).width;
    const x = Math.max(left, from);
    if (x < end || to - from < 14 * ratio || x + wide > to) continue;
    context.fillText(text, x, numbers);
    end = x + wide + 6 * ratio;
  }
}

/** The names of the kinds of units, each as far left in its part of the view as can be. */
function kindNames(
  context: CanvasRenderingContext2D,
  { left, plot, names, ratio }: StripGeometry,
  xOf: (cell: number) => number,
  bands: readonly Band[],
  theme: CanvasTheme,
  sorted: boolean,
): void {
  context.textAlign = 'left';
  context.fillStyle = css(theme.foreground);
  let end = -Infinity;
  for (const kind of ['qk', 'vo', 'mlp'] as const) {
    const own = bands.filter((band) => band.kind === kind);
    const [first, last] = [own[0], own.at(-1)];
    if (first === undefined || last === undefined) continue;
    const from = Math.max(left, xOf(first.start), end);
    const to = Math.min(left + plot, xOf(last.end));
    const name = KIND_NAMES[kind];
    const texts = sorted ? [`${name}, most important first`, name] : [name];
    const text = texts.find((one) => from + context.measureText(one).width <= to);
    if (text === undefined) continue;
    context.fillText(text, from, names);
    end = from + context.measureText(text).width + 12 * ratio;
  }
}

/** Numbers of units along a band that is wide enough for them, the head's name first. */
function unitNumbers(
  context: CanvasRenderingContext2D,
  { left, plot, numbers, ratio }: StripGeometry,
  view: Viewport,
  band: Band,
  words: UnitWords,
  after: number,
): number {
  const width = cellWidth(view);
  const step = niceStep(cellsInView(view), plot / (76 * ratio));
  const xOf = (index: number): number => left + (band.start + index - view.offset) * width;
  let end = after;
  if (band.head >= 0) {
    const x = Math.max(left, xOf(0));
    const text = `${words.head} ${band.head}`;
    const wide = context.measureText(text).width;
    if (x >= end && x + wide < xOf(band.end - band.start)) {
      context.fillText(text, x, numbers);
      end = x + wide + 14 * ratio;
    }
  }
  const from = Math.max(0, Math.floor((view.offset - band.start) / step) * step);
  const last = Math.min(band.end - band.start, view.offset + cellsInView(view) - band.start);
  for (let index = from; index < last; index += step) {
    const x = xOf(index);
    const text = count(index);
    const wide = context.measureText(text).width;
    if (x < end || x < left || x + wide > left + plot) continue;
    context.fillText(text, x, numbers);
    end = x + wide + 14 * ratio;
  }
  return end;
}
