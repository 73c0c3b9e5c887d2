import type { Chart } from 'chart.js';
import { originNames, originTitles, type Origin } from '../../src/protocol/runWords.ts';
import type { FitnessSeries, Point, SeriesChange } from '../data/fitnessSeries.ts';
import { fitnessRange } from '../data/fitnessRange.ts';
import { niceRange } from '../data/niceScale.ts';
import { formatCount, formatSpan, formatTick } from '../format.ts';
import type { XAxis, Zoom } from '../selection.ts';
import type { Theme } from '../theme.ts';
import type { LegendEntry } from './legend.ts';
import { drawShape, type Shape } from './marks.ts';
import { createPlot, type AxisSpec, type Plot } from './plot.ts';
import { createPointLayer, type PointStyle } from './pointLayer.ts';

/** What the plot shows. */
export interface FitnessPicture {
  readonly series: FitnessSeries;
  readonly change: SeriesChange;
  readonly axis: XAxis;
  readonly logarithmic: boolean;
  readonly zoom: Zoom | null;
  /** Indices of the candidates to be found again. */
  readonly selected: number;
  readonly compared: number;
  /** Name of the fitness. */
  readonly fitness: string;
  /** The figure of the dense model; null while it is not known. */
  readonly dense: number | null;
  readonly theme: Theme;
}

/** The plot of every subnet of a search. */
export interface FitnessChart {
  readonly chart: Chart;
  draw(picture: FitnessPicture): void;
  /** Where a candidate is, in CSS pixels of the canvas; null when it is out of sight. */
  placeOf(index: number): Point | null;
  /** The whole of what there is to see. */
  whole(): Zoom;
  /** How many points lie above the plot. */
  readonly beyond: number;
  /** Whether the dense model lies within the whole of the plot. */
  readonly showsDense: boolean;
  dispose(): void;
}

/** Unlike that of the median. */
const DENSE_DASH: readonly number[] = [1.5, 3];
/** With more subnets than this, points are drawn smaller and paler. */
const CROWDED = 1500;
const shapes: Readonly<Record<Origin, Shape>> = {
  initial: 'circle',
  mutation: 'dot',
  crossover: 'cross',
  strong: 'triangle',
  switch: 'dot',
};

/** Names of the axes. */
export const xAxisWords: Readonly<Record<XAxis, string>> = {
  evaluations: 'Evaluations',
  generations: 'Generation',
  time: 'Time since the search began',
};

/** Makes the plot in a canvas that is on the page. */
export function createFitnessChart(canvas: HTMLCanvasElement): FitnessChart {
  const points = createPointLayer();
  let picture: FitnessPicture | undefined;
  let fresh = true;
  let styles: readonly PointStyle[] = [];
  let stylesOf: Theme | undefined;
  let dense = false;
  let whole: Zoom = { xMin: 0, xMax: 1, yMin: 0, yMax: 1 };
  const plot: Plot = createPlot(canvas, {
    under: (chart) => {
      if (picture === undefined) return;
      const { series, theme } = picture;
      drawBand(chart, series, theme);
      const clamped = picture.zoom === null;
      const styleOf = (index: number): number => originNames.indexOf(series.candidates[index]!.how);
      points.draw(chart, { xs: series.xs, ys: series.ys, styleOf, styles, clamped }, fresh);
      fresh = false;
    },
    over: (chart) => {
      if (picture !== undefined) drawMarks(chart, picture, place);
    },
  });

  function place(index: number): Point | null {
    const { x, y } = plot.chart.scales;
    if (picture === undefined || x === undefined || y === undefined) return null;
    const [px, py] = [picture.series.xs[index], picture.series.ys[index]];
    if (px === undefined || py === undefined) return null;
    if (!(px >= x.min && px <= x.max && py >= y.min)) return null;
    if (py > y.max && picture.zoom !== null) return null;
    const top = plot.chart.chartArea.top;
    return { x: x.getPixelForValue(px), y: py > y.max ? top : y.getPixelForValue(py) };
  }

  return {
    chart: plot.chart,
    get beyond() {
      return points.beyond;
    },
    get showsDense() {
      const dense = picture?.dense ?? null;
      return dense !== null && dense >= whole.yMin && dense <= whole.yMax;
    },
    draw(next) {
      if (next.change === 'new' || picture?.series !== next.series) fresh = true;
      const crowded = next.series.xs.length > CROWDED;
      if (stylesOf !== next.theme || dense !== crowded) styles = stylesFor(next.theme, crowded);
      [stylesOf, dense] = [next.theme, crowded];
      picture = next;
      whole = wholeOf(next);
      const shown = next.zoom ?? whole;
      const { series, theme, dense: level } = next;
      const denseLine = [shown.xMin, shown.xMax].map((x) => ({ x, y: level ?? NaN }));
      const y: AxisSpec = {
        title: `${next.fitness} (lower is better)`,
        ...{ min: shown.yMin, max: shown.yMax, logarithmic: next.logarithmic, tick: formatTick },
      };
      plot.draw({
        x: xAxisSpec(next.axis, shown.xMin, shown.xMax),
        y,
        lines: [
          ...(level === null ? [] : [line(denseLine, theme.foreground, 1.25, DENSE_DASH, false)]),
          line(series.median, theme.foreground, 1.5, [5, 4], false),
          line(series.best, theme.accent, 2, [], true),
        ],
        theme,
      });
    },
    placeOf: place,
    whole: () => whole,
    dispose() {
      plot.dispose();
    },
  };
}

/** An axis of evaluations, generations or time. */
export function xAxisSpec(axis: XAxis, min: number, max: number): AxisSpec {
  const tick = (value: number): string => {
    if (axis === 'time') return formatSpan(value);
    return Number.isInteger(value) ? formatCount(value) : '';
  };
  return { title: xAxisWords[axis], min, max, logarithmic: false, tick };
}

/** The legend of the plot. @param dense  whether it has the line of the dense model */
export function fitnessLegend(theme: Theme, series: FitnessSeries, dense: boolean): LegendEntry[] {
  const present = new Set(series.candidates.map(({ how }) => how));
  const styles = stylesFor(theme, false);
  return [
    { label: 'Best so far', colour: theme.accent, mark: { kind: 'line', dash: [] } },
    { label: 'Median', colour: theme.foreground, mark: { kind: 'line', dash: [5, 4] } },
    { label: 'Middle half', colour: theme.foreground, mark: { kind: 'band' } },
    ...(dense
      ? [
          {
            label: 'Dense',
            colour: theme.foreground,
            mark: { kind: 'line' as const, dash: DENSE_DASH },
          },
        ]
      : []),
    ...originNames.flatMap((how, at): LegendEntry[] =>
      present.has(how)
        ? [
            {
              label: originTitles[how],
              colour: styles[at]!.colour,
              mark: { kind: 'shape', shape: shapes[how] },
            },
          ]
        : [],
    ),
  ];
}

function stylesFor(theme: Theme, crowded: boolean): PointStyle[] {
  const high = theme.kind === 'highContrast' || theme.kind === 'highContrastLight';
  const alpha = (high ? 0.9 : 0.65) * (crowded ? 0.6 : 1);
  const size = crowded ? 1.9 : 2.6;
  const colours = {
    initial: theme.muted,
    mutation: theme.series[0],
    crossover: theme.series[1],
    strong: theme.series[2],
    switch: theme.series[0],
  };
  return originNames.map((how) => ({ shape: shapes[how], colour: colours[how], alpha, size }));
}

function line(
  points: readonly Point[],
  colour: string,
  width: number,
  dash: readonly number[],
  stepped: boolean,
) {
  return { points, colour, width, dash, stepped };
}

/** All that is worth seeing. */
function wholeOf({ series, logarithmic, axis, dense }: FitnessPicture): Zoom {
  const last = series.xs.at(-1) ?? 1;
  const first = axis === 'generations' ? -0.5 : 0;
  const x = niceRange(0, Math.max(last, axis === 'time' ? 1000 : 1), 10);
  const y = fitnessRange(series.ys, dense, logarithmic);
  return { xMin: first, xMax: x.max, yMin: y.min, yMax: y.max };
}

function drawBand(chart: Chart, series: FitnessSeries, theme: Theme): void {
  const { x, y } = chart.scales;
  if (x === undefined || y === undefined || series.low.length < 2) return;
  const { ctx } = chart;
  const { left, top, width, height } = chart.chartArea;
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, top, width, height);
  ctx.clip();
  ctx.beginPath();
  for (const point of series.high) {
    ctx.lineTo(x.getPixelForValue(point.x), y.getPixelForValue(point.y));
  }
  for (const point of [...series.low].reverse()) {
    ctx.lineTo(x.getPixelForValue(point.x), y.getPixelForValue(point.y));
  }
  ctx.closePath();
  ctx.globalAlpha = 0.12;
  ctx.fillStyle = theme.foreground;
  ctx.fill();
  ctx.restore();
}

function drawMarks(
  { ctx }: Chart,
  { series, theme, selected, compared }: FitnessPicture,
  place: (index: number) => Point | null,
): void {
  const at = (index: number, shape: Shape, size: number, colour: string): void => {
    const point = place(index);
    if (point === null) return;
    [ctx.fillStyle, ctx.strokeStyle, ctx.lineWidth] = [colour, colour, 2];
    drawShape(ctx, shape, point.x, point.y, size);
  };
  const small = series.improvements.length > 60;
  for (const index of series.improvements) {
    if (!small) at(index, 'dot', 4.5, theme.background);
    at(index, 'dot', small ? 2.2 : 3.2, theme.accent);
  }
  at(compared, 'ring', 7, theme.muted);
  at(selected, 'ring', 7, theme.foreground);
  at(selected, 'dot', 3, theme.foreground);
}
