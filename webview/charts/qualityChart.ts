import { perplexityValue } from '../../src/protocol/perplexity.ts';
import type { Chart } from 'chart.js';
import type { Point } from '../data/fitnessSeries.ts';
import { niceRange } from '../data/niceScale.ts';
import type { QualityPoint } from '../data/quality.ts';
import { formatBytes, formatLarge, formatMs, formatScore, formatTick } from '../format.ts';
import type { SizeAxis } from '../selection.ts';
import type { Theme } from '../theme.ts';
import { drawShape, type Shape } from './marks.ts';
import { createPlot, type AxisSpec } from './plot.ts';

/** What the plot shows. */
export interface QualityPicture {
  readonly points: readonly QualityPoint[];
  readonly front: readonly QualityPoint[];
  readonly axis: SizeAxis;
  readonly selected: string | null;
  readonly theme: Theme;
}

/** Perplexity against what a model costs. */
export interface QualityChart {
  readonly chart: Chart;
  draw(picture: QualityPicture): void;
  placeOf(index: number): Point | null;
  dispose(): void;
}

/** Names of the size axes. */
export const sizeAxisWords: Readonly<Record<SizeAxis, string>> = {
  params: 'Parameters',
  bytes: 'Size on disk',
  prefillMs: 'Prefill time',
  decodeMs: 'Time of a decoded token',
};

/** A figure of a size axis with its unit. */
export function formatSize(axis: SizeAxis, value: number): string {
  if (axis === 'params') return formatLarge(value);
  return axis === 'bytes' ? formatBytes(value) : formatMs(value);
}

/** What the points of the plot look like; no two kinds alike. */
export const qualityShapes: Readonly<Record<QualityPoint['kind'], Shape>> = {
  dense: 'square',
  random: 'cross',
  initialised: 'circle',
  searched: 'dot',
  reformed: 'star',
  sparse: 'frame',
  quantised: 'wedge',
  subnet: 'diamond',
  subnetReformed: 'triangle',
};

/** What the run made itself, not what it is compared with. */
const own: ReadonlySet<QualityPoint['kind']> = new Set([
  ...(['searched', 'reformed', 'sparse', 'quantised', 'subnetReformed'] as const),
]);

/** Makes the plot in a canvas that is on the page. */
export function createQualityChart(canvas: HTMLCanvasElement): QualityChart {
  let picture: QualityPicture | undefined;
  const plot = createPlot(canvas, {
    over: (chart) => {
      if (picture !== undefined) drawPoints(chart, picture);
    },
  });
  return {
    chart: plot.chart,
    draw(next) {
      picture = next;
      const { axis, theme, front, points } = next;
      const xs = points.map(({ figure }) => figure[axis]);
      const x = padded(xs, 0.08);
      const { logarithmic, ...y } = qualityRange(points);
      const line = front.map(({ figure }) => ({
        x: figure[axis],
        y: perplexityValue(figure.perplexity),
      }));
      plot.draw({
        x: axisSpec(sizeAxisWords[axis], x, false, (value) => formatSize(axis, value)),
        y: axisSpec('Held-out perplexity (lower is better)', y, logarithmic, formatTick),
        lines: [{ points: line, colour: theme.accent, width: 1.5, dash: [], stepped: true }],
        theme,
      });
    },
    placeOf(index) {
      const { x, y } = plot.chart.scales;
      const point = picture?.points[index];
      if (picture === undefined || point === undefined || x === undefined || y === undefined) {
        return null;
      }
      return {
        x: x.getPixelForValue(point.figure[picture.axis]),
        y: heightOf(plot.chart, perplexityValue(point.figure.perplexity)),
      };
    },
    dispose() {
      plot.dispose();
    },
  };
}

function axisSpec(
  title: string,
  { min, max }: { readonly min: number; readonly max: number },
  logarithmic: boolean,
  tick: (value: number) => string,
): AxisSpec {
  return { title, min, max, logarithmic, tick };
}

/**
 * The axis of the perplexities. A random subnet is the control, and often far worse than the others: it
 * is drawn at the edge then, with its figure, so that the others can be told apart.
 */
export function qualityRange(points: readonly QualityPoint[]): {
  readonly min: number;
  readonly max: number;
  readonly logarithmic: boolean;
} {
  const all = points.flatMap(({ figure }) => figure.perplexity ?? []);
  const others = points.flatMap(({ kind, figure }) =>
    kind === 'random' ? [] : (figure.perplexity ?? []),
  );
  if (all.length === 0) return { min: 1, max: 10, logarithmic: false };
  const [low, high] = [Math.min(...all), Math.max(...others)];
  const reach = high + 0.5 * Math.max(high - low, 0.02 * high);
  const most = Math.max(...all) > reach ? high : Math.max(...all);
  const cut = most < Math.max(...all);
  if (!(most / low > 12)) {
    return { ...padded([low, cut ? most + 0.2 * (high - low) : most], 0.08), logarithmic: false };
  }
  return { min: low / 1.2, max: most * 1.4, logarithmic: true };
}

/** Where a perplexity is; one the axis does not reach is at its upper edge. */
function heightOf(chart: Chart, perplexity: number): number {
  const { y } = chart.scales;
  if (y === undefined || !(perplexity <= y.max)) return chart.chartArea.top + 8;
  return y.getPixelForValue(perplexity);
}

/** A range with room for the labels of the points at its ends. */
function padded(values: readonly number[], room: number): { min: number; max: number } {
  if (values.length === 0) return { min: 0, max: 1 };
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const span = high > low ? high - low : Math.abs(high) || 1;
  const { min, max } = niceRange(low - span * room, high + span * room, 8);
  return { min: low >= 0 ? Math.max(0, min) : min, max };
}

/** Points with their names beside them, where these do not cover one another. */
function drawPoints(chart: Chart, { points, axis, selected, theme }: QualityPicture): void {
  const { x, y } = chart.scales;
  if (x === undefined || y === undefined) return;
  const { ctx, chartArea } = chart;
  const taken: { left: number; right: number; top: number; bottom: number }[] = [];
  ctx.font = `11px ${theme.fontFamily}`;
  ctx.textBaseline = 'middle';
  const places = points.map(({ figure }) => ({
    px: x.getPixelForValue(figure[axis]),
    py: heightOf(chart, perplexityValue(figure.perplexity)),
  }));
  for (const { px, py } of places) {
    taken.push({ left: px - 6, right: px + 6, top: py - 6, bottom: py + 6 });
  }
  points.forEach(({ kind, key, label: name, figure }, at) => {
    const { px, py } = places[at]!;
    const value = perplexityValue(figure.perplexity);
    const label = value > y.max ? `${name} ↑ ${formatScore(value)}` : name;
    const strong = own.has(kind);
    const colour = strong ? theme.accent : theme.foreground;
    [ctx.fillStyle, ctx.strokeStyle, ctx.lineWidth] = [colour, colour, 1.75];
    drawShape(ctx, qualityShapes[kind], px, py, 4.5);
    if (key !== null && key === selected) {
      [ctx.strokeStyle, ctx.lineWidth] = [theme.foreground, 1.5];
      drawShape(ctx, 'ring', px, py, 8.5);
    }
    const width = ctx.measureText(label).width;
    const spots = [
      [px + 11, py],
      [px - 11 - width, py],
      [px - width / 2, py - 14],
      [px - width / 2, py + 15],
    ] as const;
    for (const [left, middle] of spots) {
      const box = { left: left - 1, right: left + width + 1, top: middle - 7, bottom: middle + 7 };
      if (box.left < chartArea.left || box.right > chartArea.right + 6) continue;
      if (box.top < chartArea.top - 6 || box.bottom > chartArea.bottom) continue;
      if (taken.some((other) => overlap(box, other))) continue;
      taken.push(box);
      // A halo keeps the words legible where a line runs below them.
      [ctx.strokeStyle, ctx.lineWidth] = [theme.background, 3];
      ctx.strokeText(label, left, middle);
      ctx.fillStyle = theme.foreground;
      ctx.fillText(label, left, middle);
      break;
    }
  });
}

interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

function overlap(a: Box, b: Box): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}
