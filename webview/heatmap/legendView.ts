import { css } from '../draw/colour.ts';
import type { CanvasTheme } from '../draw/canvasTheme.ts';
import { fillRect, hatchRect } from '../draw/raster.ts';
import { createSurface } from '../draw/surface.ts';
import { el } from '../dom.ts';
import { hatchOn } from './overviewPaint.ts';
import type { Legend, LegendKey } from './picture.ts';

/** The key beside a picture. */
export interface LegendView {
  readonly element: HTMLElement;
  show(legend: Legend, theme: CanvasTheme): void;
}

/** CSS pixels. */
const BAR = { width: 208, height: 10 };
const SWATCH = { width: 18, height: 10 };

/** Makes a legend: a bar of the colours with numbers below, and what single colours mean. */
export function createLegendView(): LegendView {
  const bar = el('canvas', { class: 'heat-legend-bar', aria: { hidden: 'true' } });
  const surface = createSurface(bar, () => undefined);
  const title = el('span', { class: 'heat-legend-title' });
  const ticks = el('div', { class: 'heat-legend-ticks' });
  const scale = el('div', { class: 'heat-legend-scale' }, bar, ticks);
  const keys = el('span', { class: 'heat-legend-keys' });
  const element = el('div', { class: 'heat-legend' }, title, scale, keys);
  return {
    element,
    show(legend, theme) {
      title.textContent = legend.title;
      surface.resize(BAR.width, BAR.height);
      const { raster } = surface;
      for (let x = 0; x < raster.width; x++) {
        const place = Math.round((x / Math.max(1, raster.width - 1)) * 255);
        fillRect(raster, x, 0, 1, raster.height, legend.table[place]!);
      }
      surface.put();
      frame(surface.context, theme, raster.width, raster.height);
      ticks.replaceChildren(...legend.ticks.map(({ place, text }) => tick(place, text)));
      keys.replaceChildren(...legend.keys.map((key) => keyOf(key, theme)));
    },
  };
}

function keyOf(key: LegendKey, theme: CanvasTheme): HTMLElement {
  const canvas = el('canvas', { aria: { hidden: 'true' } });
  const surface = createSurface(canvas, () => undefined);
  surface.resize(SWATCH.width, SWATCH.height);
  const { raster, ratio } = surface;
  const { width, height } = raster;
  fillRect(raster, 0, 0, width, height, key.pixel);
  if (key.hatched) hatchRect(raster, 0, 0, width, height, hatchOn(key.pixel, theme, ratio));
  surface.put();
  frame(surface.context, theme, width, height);
  return el('span', { class: 'heat-legend-key' }, canvas, key.text);
}

function tick(place: number, text: string): HTMLElement {
  const node = el('span', { text });
  node.style.left = `${place * 100}%`;
  node.className = place === 0 ? 'first' : place === 1 ? 'last' : '';
  return node;
}

function frame(
  context: CanvasRenderingContext2D,
  theme: CanvasTheme,
  width: number,
  height: number,
): void {
  context.strokeStyle = css(theme.line);
  context.lineWidth = 1;
  context.strokeRect(0.5, 0.5, width - 1, height - 1);
}
