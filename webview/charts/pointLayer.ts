import type { Chart } from 'chart.js';
import { drawShape, type Shape } from './marks.ts';

/** How the points of one kind look. */
export interface PointStyle {
  readonly shape: Shape;
  readonly colour: string;
  readonly alpha: number;
  /** From its middle to its edge, in CSS pixels. */
  readonly size: number;
}

/** The points of a plot. */
export interface Points {
  readonly xs: readonly number[];
  readonly ys: readonly number[];
  /** Index into `styles` of a point. */
  readonly styleOf: (index: number) => number;
  readonly styles: readonly PointStyle[];
  /** Draws what lies above the axis at its edge, instead of leaving it out. */
  readonly clamped: boolean;
}

/** Thousands of points, of which only new ones are drawn while the axes stay. */
export interface PointLayer {
  /** Draws them into a plot. @param fresh  true when points differ that were drawn before */
  draw(chart: Chart, points: Points, fresh: boolean): void;
  /** Points above the upper end of the axis, drawn at its edge in the last drawing. */
  readonly beyond: number;
}

/** Half of a point's picture, in CSS pixels. */
const REACH = 6;

/**
 * Makes the layer: a picture as large as the plot, kept from drawing to drawing. A plot library
 * that draws each point by itself takes 30 ms for 5,000.
 */
export function createPointLayer(): PointLayer {
  const picture = document.createElement('canvas');
  const context = picture.getContext('2d');
  let drawnAt = '';
  let drawn = 0;
  let beyond = 0;
  let stamps: readonly HTMLCanvasElement[] = [];
  let stampsOf: readonly PointStyle[] | undefined;

  return {
    get beyond() {
      return beyond;
    },
    draw(chart, points, fresh) {
      const { x, y } = chart.scales;
      if (context === null || x === undefined || y === undefined) return;
      const ratio = chart.currentDevicePixelRatio;
      const { left, right, top, bottom } = chart.chartArea;
      const axes = [x.min, x.max, x.type, y.min, y.max, y.type, points.clamped];
      const at = [...axes, left, right, top, bottom, ratio].join();
      if (stampsOf !== points.styles) {
        stamps = points.styles.map((style) => stampOf(style, ratio));
        stampsOf = points.styles;
        drawnAt = '';
      }
      if (fresh || at !== drawnAt || drawn > points.xs.length) {
        picture.width = chart.width * ratio;
        picture.height = chart.height * ratio;
        [drawn, beyond, drawnAt] = [0, 0, at];
      }
      for (; drawn < points.xs.length; drawn++) {
        const [px, py] = [points.xs[drawn]!, points.ys[drawn]!];
        if (!(px >= x.min && px <= x.max && py >= y.min)) continue;
        const over = py > y.max;
        if (over && !points.clamped) continue;
        if (over) beyond++;
        const stamp = stamps[points.styleOf(drawn)]!;
        const cx = x.getPixelForValue(px);
        const cy = over ? top : y.getPixelForValue(py);
        context.drawImage(
          stamp,
          Math.round((cx - REACH) * ratio),
          Math.round((cy - REACH) * ratio),
        );
      }
      chart.ctx.drawImage(picture, 0, 0, chart.width, chart.height);
    },
  };
}

function stampOf({ shape, colour, alpha, size }: PointStyle, ratio: number): HTMLCanvasElement {
  const stamp = document.createElement('canvas');
  stamp.width = 2 * REACH * ratio;
  stamp.height = 2 * REACH * ratio;
  const context = stamp.getContext('2d');
  if (context === null) return stamp;
  context.scale(ratio, ratio);
  context.globalAlpha = alpha;
  [context.fillStyle, context.strokeStyle] = [colour, colour];
  context.lineWidth = 1.3;
  drawShape(context, shape, REACH, REACH, size);
  return stamp;
}
