import { css } from '../draw/colour.ts';
import type { CanvasTheme } from '../draw/canvasTheme.ts';
import { fillRect, hatchRect } from '../draw/raster.ts';
import { createSurface } from '../draw/surface.ts';
import { el } from '../dom.ts';
import { hatchOn } from './overviewPaint.ts';
import type { Legend } from './picture.ts';

/** The key beside a picture. */
export interface LegendView {
  readonly element: HTMLElement;
  show(legend: Legend, theme: CanvasTheme): void;
}

/** CSS pixels. */
const BAR = { width: 208, height: 10 };
const SWATCH = { width: 16, height: 10 };

/** Makes a legend: a bar of the colours with numbers below, and what hatching means. */
export function createLegendView(): LegendView {
  const bar = el('canvas', { class: 'heat-legend-bar', aria: { hidden: 'true' } });
  const barSurface = createSurface(bar, () => undefined);
  const swatch = el('canvas', { aria: { hidden: 'true' } });
  const swatchSurface = createSurface(swatch, () => undefined);
  const title = el('span', { class: 'heat-legend-title' });
  const ticks = el('div', { class: 'heat-legend-ticks' });
  const hatched = el('span', {});
  const hatchKey = el('span', { class: 'heat-legend-key' }, swatch, hatched);
  const scale = el('div', { class: 'heat-legend-scale' }, bar, ticks);
  const element = el('div', { class: 'heat-legend' }, title, scale, hatchKey);
  return {
    element,
    show(legend, theme) {
      title.textContent = legend.title;
      hatched.textContent = legend.hatched;
      hatchKey.hidden = legend.hatched === '';
      barSurface.resize(BAR.width, BAR.height);
      const { raster } = barSurface;
      for (let x = 0; x < raster.width; x++) {
        const place = Math.round((x / Math.max(1, raster.width - 1)) * 255);
        fillRect(raster, x, 0, 1, raster.height, legend.table[place]!);
      }
      barSurface.put();
      frame(barSurface.context, theme, raster.width, raster.height);
      ticks.replaceChildren(...legend.ticks.map(({ place, text }) => tick(place, text)));
      showSwatch(legend, theme);
    },
  };

  function showSwatch(legend: Legend, theme: CanvasTheme): void {
    swatchSurface.resize(SWATCH.width, SWATCH.height);
    const { raster, context, ratio } = swatchSurface;
    fillRect(raster, 0, 0, raster.width, raster.height, legend.table[0]!);
    hatchRect(raster, 0, 0, raster.width, raster.height, hatchOn(legend.table[0]!, theme, ratio));
    swatchSurface.put();
    frame(context, theme, raster.width, raster.height);
  }
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
