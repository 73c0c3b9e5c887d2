import type { Chart } from 'chart.js';
import type { CompareRow } from '../../src/protocol/compareRow.ts';
import type { Point } from '../data/fitnessSeries.ts';
import { readableTop } from '../data/methodRows.ts';
import { niceRange } from '../data/niceScale.ts';
import { formatCount, formatShare, formatTick } from '../format.ts';
import type { Zoom } from '../selection.ts';
import type { Theme } from '../theme.ts';
import { layOutMethods, type MethodLayout, type Plane } from './methodPlaces.ts';
import { drawDense, drawLines, drawMarks } from './methodsPaint.ts';
import { createPlot } from './plot.ts';

/** What the plot shows. */
export interface MethodsPicture {
  /** Those drawn, without the dense model. */
  readonly rows: readonly CompareRow[];
  readonly dense: CompareRow | null;
  readonly logarithmic: boolean;
  readonly zoom: Zoom | null;
  readonly theme: Theme;
}

/** Quality of every method against what it keeps. */
export interface MethodsChart {
  readonly chart: Chart;
  draw(picture: MethodsPicture): void;
  /** Where a row is, in CSS pixels of the canvas; null when it is out of sight. */
  placeOf(index: number): Point | null;
  /** Rows of one method and scope, from left to right. */
  series(): readonly (readonly number[])[];
  /** Draws all other methods paler; null draws all alike. */
  light(method: string | null): void;
  /** The whole of what there is to see. */
  whole(): Zoom;
  /** How many points lie above the plot. */
  readonly beyond: number;
  dispose(): void;
}

/** Makes the plot in a canvas that is on the page. */
export function createMethodsChart(canvas: HTMLCanvasElement): MethodsChart {
  let picture: MethodsPicture | undefined;
  let layout: MethodLayout | undefined;
  let whole: Zoom = { xMin: 0, xMax: 1, yMin: 0, yMax: 1 };
  let lit: string | null = null;
  const plot = createPlot(canvas, {
    under: (chart) => {
      const plane = planeOf(chart, picture?.zoom === null);
      if (picture === undefined || plane === null) return;
      layout = layOutMethods(picture.rows, plane);
      const drawn = { chart, lit, ...picture, ...layout };
      drawDense(drawn);
      drawLines(drawn);
    },
    over: (chart) => {
      if (picture !== undefined && layout !== undefined) {
        drawMarks({ chart, lit, ...picture, ...layout });
      }
    },
  });
  return {
    chart: plot.chart,
    get beyond() {
      return layout?.above.flat().length ?? 0;
    },
    draw(next) {
      picture = next;
      whole = wholeOf(next);
      const shown = next.zoom ?? whole;
      plot.draw({
        x: {
          title: 'Kept: share of block parameters that are not zero',
          ...{ min: shown.xMin, max: shown.xMax, logarithmic: false, tick: formatShare },
        },
        y: {
          title: 'Held-out perplexity (lower is better)',
          ...{ min: shown.yMin, max: shown.yMax, logarithmic: next.logarithmic, tick },
        },
        lines: [],
        theme: next.theme,
      });
    },
    placeOf: (index) => layout?.places[index] ?? null,
    series: () => layout?.series ?? [],
    light(method) {
      if (lit === method) return;
      lit = method;
      plot.chart.draw();
    },
    whole: () => whole,
    dispose() {
      plot.dispose();
    },
  };
}

/** All that is worth seeing: what is far above the rest is left to the edge. */
function wholeOf({ rows, dense, logarithmic }: MethodsPicture): Zoom {
  const all = [...rows, ...(dense === null ? [] : [dense])];
  const kept = all.map(({ nonzeroFraction }) => nonzeroFraction);
  const [least, most] = [Math.min(...kept), Math.max(1, ...kept)];
  const x = niceRange(least - 0.04 * (most - least), most, 10);
  const values = all.flatMap(({ perplexity }) => perplexity ?? []);
  if (values.length === 0) return { xMin: x.min, xMax: x.max, yMin: 1, yMax: 10 };
  const [low, high] = [Math.min(...values), Math.max(...values)];
  if (logarithmic && low > 0) {
    const times = Math.max(1.05, high / low);
    const y = { yMin: low / times ** 0.06, yMax: high * times ** 0.06 };
    return { xMin: Math.max(0, x.min), xMax: x.max, ...y };
  }
  const cut = readableTop(
    rows.flatMap(({ perplexity }) => perplexity ?? []),
    low,
  );
  const span = (cut ?? high) - low || 0.1 * low;
  // Room above for what the axis does not reach.
  const y = {
    min: Math.max(0, low - 0.06 * span),
    max: (cut ?? high) + (cut === null ? 0.06 : 0.1) * span,
  };
  return { xMin: Math.max(0, x.min), xMax: x.max, yMin: y.min, yMax: y.max };
}

function planeOf({ scales, chartArea }: Chart, clamped: boolean): Plane | null {
  const { x, y } = scales;
  if (x === undefined || y === undefined) return null;
  return {
    ...{ left: chartArea.left, top: chartArea.top, clamped },
    xOf: (kept) => x.getPixelForValue(kept),
    yOf: (perplexity) => y.getPixelForValue(perplexity),
    ...{ xMin: x.min, xMax: x.max, yMin: y.min, yMax: y.max },
  };
}

function tick(perplexity: number): string {
  return perplexity >= 1000 ? formatCount(perplexity) : formatTick(perplexity);
}
