import type { CanvasTheme } from '../draw/canvasTheme.ts';
import { createSurface } from '../draw/surface.ts';
import {
  cellAt,
  cellLeft,
  cellWidth,
  fitAll,
  isWhole,
  panBy,
  resizeView,
  type Viewport,
} from '../draw/viewport.ts';
import { createHeatCanvas } from './heatCanvas.ts';
import { layOutStrip, onMap, rowAt, type StripGeometry, type StripSizes } from './stripGeometry.ts';
import { afterKey, afterWheel, showBand } from './stripKeys.ts';
import { paintStripLabels } from './stripLabels.ts';
import { paintStrip, paintStripCursor, stripScratch, type StripRow } from './stripPaint.ts';
import type { Band, UnitWords } from './units.ts';

/** What a strip shows. */
export interface StripScene {
  readonly cells: number;
  readonly rows: readonly StripRow[];
  readonly bands: readonly Band[];
  readonly words: UnitWords;
  readonly theme: CanvasTheme;
  readonly sizes: StripSizes;
  /** What the rows' labels are numbers of, written above them; empty where they are words. */
  readonly rowTitle: string;
  /** True when each row has a cursor of its own; else it marks a whole column. */
  readonly byRow: boolean;
  /** True when units stand by importance in their bands. */
  readonly sorted: boolean;
  /** Summary for the screen reader. */
  readonly summary: string;
}

/** A cell of a strip. */
export interface StripCell {
  readonly cell: number;
  readonly row: number;
}

/** What a strip tells. */
export interface StripEvents {
  readonly onCell: (cell: StripCell | null, byKeyboard: boolean) => void;
  /** Enter or a click. */
  readonly onEnter: (cell: StripCell) => void;
  readonly onEscape: () => void;
}

/** Long rows of cells that can be zoomed and moved. */
export interface StripView {
  readonly element: HTMLElement;
  show(scene: StripScene): void;
  /** Draws again what was filled since. */
  redraw(): void;
  readonly focus: () => void;
  /** Zooms about the middle. */
  readonly zoom: (factor: number) => void;
  /** Fills the width with these cells. */
  showCells(start: number, end: number): void;
  dispose(): void;
}

/** CSS pixels of a cell when zoomed in all the way. */
const MOST_SCALE = 24;
/** CSS pixels a press may move and still be a click. */
const CLICK = 4;

/** Makes a strip. */
export function createStripView(events: StripEvents): StripView {
  const frame = createHeatCanvas('heat-strip', {
    layOut,
    onKey,
    onLeave() {
      setHover(null);
    },
    onFocus(shown) {
      focused = shown === true;
      if (shown !== false) events.onCell(focused ? cursor : null, focused);
      surface.invalidate();
    },
    gestures: {
      ...{ onWheel, onDown, onMove, onUp },
      onCancel() {
        press = null;
      },
    },
  });
  const { canvas, element } = frame;
  let scene: StripScene | null = null;
  let geometry: StripGeometry | null = null;
  let view: Viewport = fitAll(1, 1, 1);
  let scratch = stripScratch(1);
  let cursor: StripCell = { cell: 0, row: 0 };
  let hover: StripCell | null = null;
  let focused = false;
  let press: { x: number; readonly from: number; readonly map: boolean } | null = null;

  const surface = createSurface(canvas, paint);

  return {
    element,
    show(next) {
      const before = scene;
      scene = next;
      canvas.setAttribute('aria-label', next.summary);
      if (before?.cells !== next.cells) {
        view = fitAll(next.cells, view.width, view.mostScale);
        cursor = { cell: 0, row: 0 };
      }
      const resized =
        before?.cells !== next.cells ||
        before.rows.length !== next.rows.length ||
        before.sizes !== next.sizes;
      if (resized) layOut();
      else surface.invalidate();
    },
    redraw: surface.invalidate,
    focus() {
      focused = true;
      canvas.focus();
    },
    zoom(factor) {
      const next = afterKey(factor > 1 ? '+' : '-', { view, ...middle() }, 1, []);
      if (next !== null) setView(next.view);
    },
    showCells(start, end) {
      setView(showBand(view, start, end));
    },
    dispose() {
      frame.dispose();
      surface.dispose();
    },
  };

  function layOut(): void {
    if (scene === null || element.clientWidth === 0) return;
    const ratio = window.devicePixelRatio;
    geometry = layOutStrip(element.clientWidth, ratio, scene.rows.length, scene.sizes);
    surface.resize(geometry.width / ratio, geometry.height / ratio);
    if (scratch.line.length !== surface.raster.width) scratch = stripScratch(surface.raster.width);
    view = resizeView({ ...view, mostScale: MOST_SCALE * ratio }, geometry.plot);
    paint();
  }

  function paint(): void {
    if (scene === null || geometry === null) return;
    const { rows, theme, byRow } = scene;
    const mapped = byRow ? null : (rows[0] ?? null);
    paintStrip(surface.raster, geometry, view, rows, mapped, theme, scratch);
    surface.put();
    paintStripLabels(surface.context, geometry, view, scene);
    const marked = hover ?? (focused ? cursor : null);
    if (marked === null || rows.every(({ levels }) => levels === null)) return;
    const left = cellLeft(view, marked.cell);
    const width = Math.max(1, Math.floor(cellWidth(view)));
    if (left < -width || left > geometry.plot) return;
    const row = byRow ? marked.row : null;
    paintStripCursor(surface.context, geometry, { left, width, row }, theme);
  }

  function setView(next: Viewport): void {
    view = next;
    surface.invalidate();
  }

  function setHover(cell: StripCell | null): void {
    if (cell?.cell === hover?.cell && cell?.row === hover?.row) return;
    hover = cell;
    events.onCell(cell ?? (focused ? cursor : null), false);
    surface.invalidate();
  }

  function middle(): StripCell {
    const cell = Math.max(0, cellAt(view, Math.floor(view.width / 2)));
    return { cell, row: 0 };
  }

  function under(event: MouseEvent): StripCell | null {
    if (geometry === null) return null;
    const cell = cellAt(view, event.offsetX * geometry.ratio - geometry.left);
    const y = event.offsetY * geometry.ratio;
    if (cell < 0 || y < geometry.map) return null;
    return { cell, row: rowAt(geometry, y) };
  }

  function onWheel(event: WheelEvent): void {
    if (geometry === null) return;
    const x = event.offsetX * geometry.ratio - geometry.left;
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    const { deltaX, deltaY, shiftKey } = event;
    const [across, down] = shiftKey && deltaX === 0 ? [deltaY, 0] : [deltaX, deltaY];
    const next = afterWheel(view, x, across * lines, down * lines, geometry.ratio);
    if (next === null) return;
    event.preventDefault();
    setView(next);
    setHover(under(event));
  }

  function onDown(event: PointerEvent): void {
    if (geometry === null || event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    const map = onMap(geometry, event.offsetY * geometry.ratio);
    press = { x: event.offsetX, from: event.offsetX, map };
    if (map) centre(event);
  }

  function onMove(event: PointerEvent): void {
    if (geometry === null) return;
    if (press === null) {
      setHover(under(event));
      return;
    }
    if (press.map) {
      centre(event);
      return;
    }
    if (!isWhole(view)) canvas.classList.add('dragging');
    setView(panBy(view, (press.x - event.offsetX) * geometry.ratio));
    press.x = event.offsetX;
  }

  function onUp(event: PointerEvent): void {
    canvas.classList.remove('dragging');
    const clicked = press !== null && !press.map && Math.abs(event.offsetX - press.from) < CLICK;
    press = null;
    const cell = under(event);
    if (!clicked || cell === null) return;
    cursor = cell;
    events.onEnter(cell);
  }

  /** Moves the view to a place of the map. */
  function centre(event: MouseEvent): void {
    if (geometry === null) return;
    const share = (event.offsetX * geometry.ratio - geometry.left) / geometry.plot;
    const offset = share * view.cells - view.width / cellWidth(view) / 2;
    setView(panBy({ ...view, offset: 0 }, offset * cellWidth(view)));
  }

  function onKey(event: KeyboardEvent): void {
    if (scene === null || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'Escape' || event.key === 'Enter') {
      event.preventDefault();
      if (event.key === 'Enter') events.onEnter(cursor);
      else events.onEscape();
      return;
    }
    const rows = scene.byRow ? scene.rows.length : 1;
    const next = afterKey(event.key, { view, ...cursor }, rows, scene.bands);
    if (next === null) return;
    event.preventDefault();
    cursor = { cell: next.cell, row: next.row };
    hover = null;
    focused = true;
    setView(next.view);
    events.onCell(cursor, true);
  }
}
