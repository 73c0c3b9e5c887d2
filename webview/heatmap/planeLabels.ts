import { css } from '../draw/colour.ts';
import type { CanvasTheme } from '../draw/canvasTheme.ts';
import type { PlaneView } from '../draw/plane.ts';
import { count, niceStep } from '../draw/ticks.ts';
import { cellLeft, cellsInView, cellWidth, type Viewport } from '../draw/viewport.ts';
import { scaledFont } from './overviewPaint.ts';
import type { PlaneGeometry } from './planeGeometry.ts';
import { shownOf } from './planePaint.ts';

/** CSS pixels between two numbers of an axis. */
const APART = { across: 76, down: 30 };

/** Writes the axes: numbers of cells, and what they stand for. */
export function paintPlaneLabels(
  context: CanvasRenderingContext2D,
  geometry: PlaneGeometry,
  view: PlaneView,
  words: { readonly across: string; readonly down: string },
  theme: CanvasTheme,
): void {
  const { left, top, ratio } = geometry;
  context.font = scaledFont(theme.font, ratio);
  context.textBaseline = 'middle';
  context.fillStyle = css(theme.foreground);
  context.textAlign = 'left';
  context.fillText(words.across, left, top - 30 * ratio);
  context.save();
  context.translate(9 * ratio, top);
  context.rotate(-Math.PI / 2);
  context.textAlign = 'right';
  context.fillText(words.down, 0, 0);
  context.restore();
  context.fillStyle = css(theme.faint);
  context.strokeStyle = css(theme.line);
  context.lineWidth = Math.max(1, Math.round(ratio));
  for (const [cell, place] of ticksOf(view.x, APART.across * ratio)) {
    const x = left + place;
    context.textAlign = place < 20 * ratio ? 'left' : 'center';
    context.fillText(count(cell), x, top - 13 * ratio);
    stroke(context, x, top - 5 * ratio, x, top - 1 * ratio);
  }
  context.textAlign = 'right';
  for (const [cell, place] of ticksOf(view.y, APART.down * ratio)) {
    const y = top + place;
    context.fillText(count(cell), left - 9 * ratio, y + (place < 6 * ratio ? 5 * ratio : 0));
    stroke(context, left - 5 * ratio, y, left - 1 * ratio, y);
  }
  if (!theme.highContrast) return;
  const line = context.lineWidth;
  const [width, height] = [shownOf(view.x), shownOf(view.y)];
  context.strokeRect(left - line / 2, top - line / 2, width + line, height + line);
}

/** Numbers of an axis and the middle of their cells, in device pixels. */
function ticksOf(view: Viewport, apart: number): (readonly [cell: number, place: number])[] {
  const shown = shownOf(view);
  const cells = Math.min(view.cells, cellsInView(view));
  const step = niceStep(cells, Math.max(1, Math.floor(shown / apart)));
  const half = cellWidth(view) / 2;
  const ticks: (readonly [number, number])[] = [];
  for (let cell = Math.ceil(view.offset / step) * step; cell < view.cells; cell += step) {
    const place = cellLeft(view, cell) + half;
    if (place > shown) break;
    ticks.push([cell, Math.round(place)]);
  }
  return ticks;
}

function stroke(
  context: CanvasRenderingContext2D,
  x1: number,
  y1: number,
  x2: number,
  y2: number,
): void {
  context.beginPath();
  context.moveTo(x1, y1);
  context.lineTo(x2, y2);
  context.stroke();
}
