import type { Chart } from 'chart.js';
import type { Zoom } from '../selection.ts';
import { el, show } from '../dom.ts';
import { shownBy } from './plot.ts';
import { between, moved, zoomed, type PlaneKind } from './zoomPlane.ts';

/** What zooming needs to know of its plot. */
export interface ZoomTarget {
  readonly frame: HTMLElement;
  readonly chart: Chart;
  readonly kind: () => PlaneKind;
  /** What zooming by keys keeps in its place, in pixels of the canvas; null: the middle. */
  readonly anchor?: () => Place | null;
  /** Asked for a part of the plane; null for all of it. */
  readonly onZoom: (zoom: Zoom | null) => void;
}

/** Dragging less than this is a click, in CSS pixels. */
const CLICK = 5;

/**
 * Zooms a plot by wheel, by dragging a box and by keys. The wheel zooms when the plot has the focus or
 * Ctrl is held (a pinch counts as that), so that a page can be scrolled over it.
 * @returns a function that stops that
 */
export function listenForZoom(target: ZoomTarget): () => void {
  const { frame, chart } = target;
  const box = el('div', { class: 'zoom-box', hidden: true });
  frame.append(box);
  const ended = new AbortController();
  const { signal } = ended;
  let start: Place | null = null;

  frame.addEventListener(
    'wheel',
    (event) => {
      const focused = frame.contains(document.activeElement);
      const part = shownBy(chart);
      if (part === null || !(event.ctrlKey || event.metaKey || focused)) return;
      event.preventDefault();
      const factor = Math.exp(Math.max(-0.5, Math.min(0.5, event.deltaY * 0.002)));
      target.onZoom(zoomed(part, target.kind(), factor, shareOf(chart, placeOf(frame, event))));
    },
    { passive: false, signal },
  );
  frame.addEventListener(
    'pointerdown',
    (event) => {
      if (event.button !== 0) return;
      start = placeOf(frame, event);
      frame.setPointerCapture(event.pointerId);
    },
    { signal },
  );
  frame.addEventListener(
    'pointermove',
    (event) => {
      if (start === null) return;
      const now = placeOf(frame, event);
      show(box, isBox(start, now));
      if (isBox(start, now)) layBox(box, chart, start, now);
    },
    { signal },
  );
  const end = (event: PointerEvent): void => {
    const from = start;
    start = null;
    show(box, false);
    const part = shownBy(chart);
    const to = placeOf(frame, event);
    if (from === null || part === null || event.type !== 'pointerup' || !isBox(from, to)) return;
    target.onZoom(between(part, target.kind(), shareOf(chart, from), shareOf(chart, to)));
  };
  frame.addEventListener('pointerup', end, { signal });
  frame.addEventListener('pointercancel', end, { signal });
  frame.addEventListener(
    'dblclick',
    () => {
      target.onZoom(null);
    },
    { signal },
  );
  frame.addEventListener(
    'keydown',
    (event) => {
      const part = shownBy(chart);
      if (part === null || event.ctrlKey || event.metaKey || event.altKey) return;
      const anchor = target.anchor?.() ?? null;
      const fixed = anchor === null ? { x: 0.5, y: 0.5 } : shareOf(chart, anchor);
      const next = afterKey(event, part, target.kind(), fixed);
      if (next === undefined) return;
      event.preventDefault();
      target.onZoom(next);
    },
    { signal },
  );
  return () => {
    ended.abort();
    box.remove();
  };
}

/** A place in CSS pixels from the upper left corner of the frame. */
interface Place {
  readonly x: number;
  readonly y: number;
}

/** Where a pointer is over a frame. */
export function placeOf(frame: HTMLElement, event: MouseEvent): Place {
  const { left, top } = frame.getBoundingClientRect();
  return { x: event.clientX - left, y: event.clientY - top };
}

function afterKey(
  event: KeyboardEvent,
  part: Zoom,
  kind: PlaneKind,
  fixed: Place,
): Zoom | null | undefined {
  switch (event.key) {
    case '+':
    case '=':
      return zoomed(part, kind, 0.8, fixed);
    case '-':
      return zoomed(part, kind, 1.25, fixed);
    case '0':
      return null;
  }
  if (!event.shiftKey) return undefined;
  switch (event.key) {
    case 'ArrowLeft':
      return moved(part, kind, -0.1, 0);
    case 'ArrowRight':
      return moved(part, kind, 0.1, 0);
    case 'ArrowUp':
      return moved(part, kind, 0, 0.1);
    case 'ArrowDown':
      return moved(part, kind, 0, -0.1);
    default:
      return undefined;
  }
}

function isBox(a: Place, b: Place): boolean {
  return Math.abs(a.x - b.x) > CLICK && Math.abs(a.y - b.y) > CLICK;
}

function shareOf(chart: Chart, place: Place): Place {
  const { left, bottom, width, height } = chart.chartArea;
  const share = (value: number): number => Math.max(0, Math.min(1, value));
  return { x: share((place.x - left) / width), y: share((bottom - place.y) / height) };
}

function layBox(box: HTMLElement, chart: Chart, a: Place, b: Place): void {
  const { left, right, top, bottom } = chart.chartArea;
  const x = [a.x, b.x].map((value) => Math.max(left, Math.min(right, value)));
  const y = [a.y, b.y].map((value) => Math.max(top, Math.min(bottom, value)));
  box.style.left = `${Math.min(...x)}px`;
  box.style.top = `${Math.min(...y)}px`;
  box.style.width = `${Math.abs(x[0]! - x[1]!)}px`;
  box.style.height = `${Math.abs(y[0]! - y[1]!)}px`;
}
