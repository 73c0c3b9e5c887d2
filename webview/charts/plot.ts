import {
  Chart,
  LineController,
  LineElement,
  LinearScale,
  LogarithmicScale,
  PointElement,
  type ChartDataset,
  type Plugin,
  type ScaleOptionsByType,
} from 'chart.js';
import { logTicks } from '../data/niceScale.ts';
import type { Zoom } from '../selection.ts';
import type { Theme } from '../theme.ts';

Chart.register(LineController, LineElement, PointElement, LinearScale, LogarithmicScale);

/** A line of a plot: its points lie in order of x. */
export interface Line {
  readonly points: readonly { readonly x: number; readonly y: number }[];
  readonly colour: string;
  readonly width: number;
  readonly dash: readonly number[];
  /** Drawn as steps: a value holds until the next. */
  readonly stepped: boolean;
}

/** An axis as it is to be drawn. */
export interface AxisSpec {
  readonly title: string;
  readonly min: number;
  readonly max: number;
  readonly logarithmic: boolean;
  readonly tick: (value: number) => string;
}

/** Everything a plot shows, besides what its layers draw. */
export interface PlotSpec {
  readonly x: AxisSpec;
  readonly y: AxisSpec;
  readonly lines: readonly Line[];
  readonly theme: Theme;
}

/** A plot on the page. */
export interface Plot {
  readonly canvas: HTMLCanvasElement;
  readonly chart: Chart;
  draw(spec: PlotSpec): void;
  dispose(): void;
}

/** A drawing under or over the lines of a plot, in its pixels. */
export interface Layer {
  readonly under?: (chart: Chart) => void;
  readonly over?: (chart: Chart) => void;
}

/** Makes a plot in a canvas that is already on the page; nothing of it moves by itself. */
export function createPlot(canvas: HTMLCanvasElement, layer: Layer): Plot {
  const plugin: Plugin = {
    id: 'layer',
    beforeDatasetsDraw: (chart) => {
      clipped(chart, layer.under);
    },
    afterDatasetsDraw: (chart) => {
      clipped(chart, layer.over);
    },
  };
  const chart = new Chart(canvas, {
    type: 'line',
    data: { datasets: [] },
    plugins: [plugin],
    options: {
      animation: false,
      parsing: false,
      normalized: true,
      responsive: true,
      maintainAspectRatio: false,
      events: [],
      layout: { padding: { top: 8, right: 12, bottom: 0, left: 0 } },
      elements: { point: { radius: 0, hitRadius: 0 } },
    },
  });
  return {
    canvas,
    chart,
    draw(spec) {
      chart.options.scales = { x: scaleOf(spec.x, spec.theme), y: scaleOf(spec.y, spec.theme) };
      chart.data.datasets = spec.lines.map(datasetOf);
      chart.update('none');
    },
    dispose() {
      chart.destroy();
    },
  };
}

/** The part of the plane that a plot shows. */
export function shownBy(chart: Chart): Zoom | null {
  const { x, y } = chart.scales;
  if (x === undefined || y === undefined) return null;
  return { xMin: x.min, xMax: x.max, yMin: y.min, yMax: y.max };
}

function datasetOf(line: Line): ChartDataset<'line'> {
  return {
    data: [...line.points],
    borderColor: line.colour,
    borderWidth: line.width,
    borderDash: [...line.dash],
    borderJoinStyle: 'round',
    stepped: line.stepped,
    pointRadius: 0,
  };
}

function scaleOf(axis: AxisSpec, theme: Theme): ScaleOptionsByType<'linear' | 'logarithmic'> {
  const font = { family: theme.fontFamily, size: 11 };
  const scale = {
    type: axis.logarithmic ? 'logarithmic' : 'linear',
    min: axis.min,
    max: axis.max,
    border: { display: false },
    grid: { color: theme.line, drawTicks: false, lineWidth: 1 },
    title: { display: true, text: axis.title, color: theme.muted, font, padding: 4 },
    ticks: {
      color: theme.muted,
      font,
      padding: 6,
      maxRotation: 0,
      autoSkipPadding: 16,
      maxTicksLimit: 8,
      includeBounds: false,
      callback: (value: string | number) => axis.tick(Number(value)),
    },
    // The library names powers of ten only, of which a narrow axis may hold none.
    ...(axis.logarithmic
      ? {
          afterBuildTicks: (made: { ticks: { value: number }[] }) => {
            made.ticks = logTicks(axis.min, axis.max).map((value) => ({ value }));
          },
        }
      : {}),
  };
  return scale as unknown as ScaleOptionsByType<'linear' | 'logarithmic'>;
}

function clipped(chart: Chart, draw: Layer['under']): void {
  if (draw === undefined || chart.chartArea === undefined) return;
  const { left, top, width, height } = chart.chartArea;
  chart.ctx.save();
  chart.ctx.beginPath();
  // Marks on the frame are shown whole.
  chart.ctx.rect(left - 6, top - 8, width + 14, height + 12);
  chart.ctx.clip();
  draw(chart);
  chart.ctx.restore();
}
