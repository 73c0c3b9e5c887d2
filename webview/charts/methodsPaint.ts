import type { Chart } from 'chart.js';
import type { CompareRow } from '../../src/protocol/compareRow.ts';
import type { Point } from '../data/fitnessSeries.ts';
import { formatPerplexity } from '../data/methodRows.ts';
import type { Theme } from '../theme.ts';
import { createLabels } from './labels.ts';
import { drawShape } from './marks.ts';
import type { MethodLayout } from './methodPlaces.ts';
import { DENSE_DASH, lookOf } from './methodLooks.ts';

/** What the plot of methods is painted from, in CSS pixels of its canvas. */
export interface Drawn extends MethodLayout {
  readonly chart: Chart;
  readonly rows: readonly CompareRow[];
  readonly dense: CompareRow | null;
  readonly theme: Theme;
  /** The method that alone is drawn in full; null for all. */
  readonly lit: string | null;
}

const FADED = 0.22;

/** The perplexity of the dense model, over all shares. */
export function drawDense({ chart, dense, theme }: Drawn): void {
  const { y } = chart.scales;
  if (dense === null || y === undefined) return;
  const { ctx, chartArea } = chart;
  const { perplexity } = dense;
  if (perplexity === null || perplexity < y.min || perplexity > y.max) return;
  const at = y.getPixelForValue(perplexity);
  ctx.save();
  [ctx.strokeStyle, ctx.lineWidth] = [theme.foreground, 1.25];
  ctx.setLineDash([...DENSE_DASH]);
  ctx.beginPath();
  ctx.moveTo(chartArea.left, at);
  ctx.lineTo(chartArea.right, at);
  ctx.stroke();
  ctx.restore();
}

/**
 * Joins the sizes of each structured method. Patterns of zeros are no sizes: what lies between two of
 * them does not exist, and they are not joined.
 */
export function drawLines(drawn: Drawn): void {
  const { chart, series, rows, ends, theme } = drawn;
  const { ctx, chartArea } = chart;
  ctx.save();
  ctx.beginPath();
  ctx.rect(chartArea.left, chartArea.top, chartArea.width, chartArea.height);
  ctx.clip();
  for (const indices of series) {
    const first = rows[indices[0]!]!;
    if (first.scope !== 'structured') continue;
    const { colour, dash } = lookOf(first.method);
    ctx.globalAlpha = shaded(drawn, indices, 0.85);
    ctx.strokeStyle = theme.series[colour];
    ctx.lineWidth = isLit(drawn, indices) ? 2 : 1.25;
    ctx.setLineDash([...dash]);
    ctx.beginPath();
    for (const index of indices) {
      const { x, y } = ends[index]!;
      // What is not finite has no place; a line to it would go nowhere.
      if (Number.isFinite(y)) ctx.lineTo(x, y);
    }
    ctx.stroke();
  }
  ctx.restore();
}

/** A mark for each row, and an arrow with its figure for one that lies above the frame. */
export function drawMarks(drawn: Drawn): void {
  const { chart, rows, places, theme, series } = drawn;
  const { ctx } = chart;
  const above = new Set(drawn.above.flat());
  for (const indices of series) {
    ctx.save();
    ctx.globalAlpha = shaded(drawn, indices, 1);
    for (const index of indices) {
      const place = places[index];
      if (place === null || place === undefined) continue;
      const { shape, colour } = lookOf(rows[index]!.method);
      const paint = theme.series[colour];
      [ctx.fillStyle, ctx.strokeStyle, ctx.lineWidth] = [paint, paint, 1.6];
      drawShape(ctx, shape, place.x, place.y, shape === 'star' ? 5 : 4.2);
      if (above.has(index)) drawAbove(chart, place);
    }
    ctx.restore();
  }
  nameAbove(drawn);
}

/** An arrow over a mark that lies above the frame. */
function drawAbove({ ctx }: Chart, { x, y }: Point): void {
  ctx.beginPath();
  ctx.moveTo(x - 3.5, y - 8);
  ctx.lineTo(x, y - 11.5);
  ctx.lineTo(x + 3.5, y - 8);
  ctx.stroke();
}

/** The figures of what lies above: of those side by side only the worst, which is the last. */
function nameAbove(drawn: Drawn): void {
  const { chart, rows, places, theme, above } = drawn;
  const labels = createLabels(chart, theme);
  for (const place of places) if (place !== null) labels.block(place, 6);
  for (const indices of above) {
    const last = indices.at(-1)!;
    const place = places[last];
    if (place === null || place === undefined) continue;
    const figure = formatPerplexity(rows[last]!.perplexity);
    labels.put(indices.length > 1 ? `to ${figure}` : figure, place, 10);
  }
}

function isLit({ lit, rows }: Drawn, indices: readonly number[]): boolean {
  return lit !== null && rows[indices[0]!]!.method === lit;
}

function shaded(drawn: Drawn, indices: readonly number[], usual: number): number {
  if (drawn.lit === null) return usual;
  return isLit(drawn, indices) ? 1 : FADED;
}
