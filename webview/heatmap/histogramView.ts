import { mix, pixel } from '../draw/colour.ts';
import type { CanvasTheme } from '../draw/canvasTheme.ts';
import { clearRaster, fillRect, hatchRect } from '../draw/raster.ts';
import { createSurface } from '../draw/surface.ts';
import { count } from '../draw/ticks.ts';
import { el, setText } from '../dom.ts';
import type { Histogram } from './histogram.ts';
import { hatchOf } from './overviewPaint.ts';

/** How many units have which score, those kept and those removed apart. */
export interface HistogramView {
  readonly element: HTMLElement;
  /**
   * @param counts  null while the scores are not there
   * @param unit  what a score is
   */
  show(counts: Histogram | null, unit: string, theme: CanvasTheme): void;
  dispose(): void;
}

/** Bars of a histogram. */
export const BINS = 48;
/** CSS pixels. */
const HEIGHT = 56;

/**
 * Makes a histogram of one kind of unit.
 * @param height  CSS pixels
 */
export function createHistogramView(name: string, height = HEIGHT): HistogramView {
  const canvas = el('canvas', { role: 'img', aria: { label: name } });
  const low = el('span', {});
  const scale = el('span', {});
  const high = el('span', {});
  const frame = el('div', { class: 'heat-histogram-plot' }, canvas);
  frame.style.height = `${height}px`;
  const element = el(
    'div',
    { class: 'heat-histogram' },
    el('div', { class: 'heat-histogram-name', text: name }),
    frame,
    el('div', { class: 'heat-histogram-axis' }, low, scale, high),
  );
  let shown: { readonly counts: Histogram | null; readonly theme: CanvasTheme } | null = null;
  const surface = createSurface(canvas, paint);
  const watcher = new ResizeObserver(paint);
  watcher.observe(frame);
  return {
    element,
    show(counts, unit, theme) {
      if (shown?.counts === counts && shown.theme === theme) return;
      shown = { counts, theme };
      setText(low, counts === null ? '' : figure(counts.from));
      setText(high, counts === null ? '' : figure(counts.to));
      setText(scale, counts === null ? '' : counts.logarithmic ? `${unit}, logarithmic` : unit);
      canvas.setAttribute('aria-label', counts === null ? name : summary(name, counts, unit));
      surface.invalidate();
    },
    dispose() {
      watcher.disconnect();
      surface.dispose();
    },
  };

  function paint(): void {
    if (shown === null || frame.clientWidth === 0) return;
    surface.resize(frame.clientWidth, height);
    const { raster, ratio } = surface;
    const { counts, theme } = shown;
    clearRaster(raster);
    const base = Math.max(1, Math.round(ratio));
    const room = raster.height - base;
    fillRect(raster, 0, room, raster.width, base, pixel(theme.line));
    const bins = counts?.kept.length ?? 0;
    const edge = (bin: number): number => Math.round((bin / bins) * raster.width);
    if (counts?.shared !== undefined && counts.shared !== null) {
      const [from, to] = [edge(counts.shared.from), edge(counts.shared.to + 1)];
      const ink = theme.highContrast ? theme.background : mix(theme.background, theme.lost, 0.12);
      fillRect(raster, from, 0, to - from, room, pixel(ink));
      for (const x of [from, to - base]) fillRect(raster, x, 0, base, room, pixel(theme.lost));
    }
    for (let i = 0; counts !== null && i < bins && counts.most > 0; i++) {
      const left = edge(i);
      const width = Math.max(1, edge(i + 1) - left - (bins > 96 ? 0 : base));
      const kept = Math.round((counts.kept[i]! / counts.most) * room);
      const all = Math.round(((counts.kept[i]! + counts.removed[i]!) / counts.most) * room);
      fillRect(raster, left, room - all, width, all - kept, pixel(theme.removed));
      hatchRect(raster, left, room - all, width, all - kept, hatchOf(theme, ratio));
      fillRect(raster, left, room - kept, width, kept, pixel(theme.kept));
    }
    surface.put();
  }
}

function summary(name: string, { kept, removed, from, to }: Histogram, unit: string): string {
  const sum = (values: Uint32Array): string => count(values.reduce((a, b) => a + b, 0));
  const range = `${unit} from ${figure(from)} to ${figure(to)}`;
  return `${name}: ${range}; ${sum(kept)} kept, ${sum(removed)} removed.`;
}

function figure(value: number): string {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) return value.toExponential(1);
  return String(Number(value.toPrecision(3)));
}
