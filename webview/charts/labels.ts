import type { Chart } from 'chart.js';
import type { Point } from '../data/fitnessSeries.ts';
import type { Theme } from '../theme.ts';

/** Words on a plot, set only where they cover neither a mark nor one another. */
export interface Labels {
  /** Keeps words away from a mark. @param reach  from its middle, in CSS pixels */
  block(place: Point, reach: number): void;
  /** Sets words beside a mark, where there is room. @param size  of the letters, in CSS pixels */
  put(text: string, place: Point, size: number): void;
}

interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** Makes them for one drawing of a plot. */
export function createLabels({ ctx, chartArea }: Chart, theme: Theme): Labels {
  const taken: Box[] = [];
  return {
    block({ x, y }, reach) {
      taken.push({ left: x - reach, right: x + reach, top: y - reach, bottom: y + reach });
    },
    put(text, { x, y }, size) {
      ctx.font = `${size}px ${theme.fontFamily}`;
      [ctx.textAlign, ctx.textBaseline] = ['left', 'middle'];
      const { width } = ctx.measureText(text);
      const [half, apart] = [size / 2 + 1, 8];
      for (const left of [x + apart, x - apart - width]) {
        const box = { left: left - 1, right: left + width + 1, top: y - half, bottom: y + half };
        if (box.left < chartArea.left || box.right > chartArea.right + 8) continue;
        if (taken.some((other) => overlap(box, other))) continue;
        taken.push(box);
        // A halo keeps the words legible where a line runs below them.
        [ctx.strokeStyle, ctx.lineWidth] = [theme.background, 3];
        ctx.strokeText(text, left, y);
        ctx.fillStyle = theme.foreground;
        ctx.fillText(text, left, y);
        return;
      }
    },
  };
}

function overlap(a: Box, b: Box): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}
