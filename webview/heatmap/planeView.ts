import type { CanvasTheme } from '../draw/canvasTheme.ts';
import {
  fitPlane,
  panPlane,
  planeCellAt,
  resizePlane,
  sameView,
  zoomPlane,
  type PlaneCell,
  type PlaneView as View,
} from '../draw/plane.ts';
import { createSurface } from '../draw/surface.ts';
import { cellWidth } from '../draw/viewport.ts';
import { createHeatCanvas } from './heatCanvas.ts';
import { layOutPlane, type PlaneGeometry } from './planeGeometry.ts';
import { closeUp, planeAfterKey, planeAfterWheel, wholeOf } from './planeKeys.ts';
import { paintPlaneLabels } from './planeLabels.ts';
import type { PlaneMips } from './planeMips.ts';
import {
  paintPlane,
  paintPlaneCursor,
  paintPlanePlace,
  planeScratch,
  type PlaneGroups,
} from './planePaint.ts';

/** What a plane shows. */
export interface PlaneScene {
  readonly rows: number;
  readonly columns: number;
  /** Null while the bits are not there. */
  readonly mips: PlaneMips | null;
  readonly groups: PlaneGroups;
  /** Pixel of each share of kept cells. */
  readonly table: Uint32Array;
  readonly theme: CanvasTheme;
  /** What the axes stand for. */
  readonly words: { readonly across: string; readonly down: string };
  /** Summary for the screen reader. */
  readonly summary: string;
}

/** A place of a plane, and how many cells across stand under one mark there. */
export interface PlaneSpot extends PlaneCell {
  readonly cells: number;
}

/** What a plane tells. */
export interface PlaneEvents {
  /** Under the pointer or the cursor; null when there is none. */
  readonly onSpot: (spot: PlaneSpot | null, byKeyboard: boolean) => void;
}

/** A plane of cells that can be zoomed and moved, from the whole to single ones. */
export interface PlanePicture {
  readonly element: HTMLElement;
  show(scene: PlaneScene): void;
  /** Zooms about the middle. */
  readonly zoom: (factor: number) => void;
  readonly showWhole: () => void;
  /** Shows single cells around the cursor. */
  readonly showCells: () => void;
  dispose(): void;
}

/** CSS pixels of a cell when zoomed in all the way. */
const MOST_SCALE = 24;
/** CSS pixels a press may move and still be a click. */
const CLICK = 4;

/** Makes a plane. */
export function createPlaneView(events: PlaneEvents): PlanePicture {
  const frame = createHeatCanvas('heat-plane', {
    layOut,
    onKey,
    onLeave() {
      setHover(null);
    },
    onFocus(shown) {
      focused = shown === true;
      if (shown !== false) tell(focused ? cursor : null, focused);
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
  let scene: PlaneScene | null = null;
  let geometry: PlaneGeometry | null = null;
  let view: View = fitPlane(1, 1, { width: 1, height: 1 }, 1);
  let cursor: PlaneCell = { row: 0, column: 0 };
  let hover: PlaneCell | null = null;
  let focused = false;
  let press: { x: number; y: number; readonly fromX: number; readonly fromY: number } | null = null;

  const surface = createSurface(canvas, paint);
  let scratch = planeScratch(surface.raster, 1);

  return {
    element,
    show(next) {
      const before = scene;
      scene = next;
      canvas.setAttribute('aria-label', next.summary);
      if (before?.rows !== next.rows || before.columns !== next.columns) {
        geometry = null;
        cursor = { row: 0, column: 0 };
        layOut();
      } else surface.invalidate();
    },
    zoom(factor) {
      setView(zoomPlane(view, view.x.width / 2, view.y.width / 2, factor));
    },
    showWhole() {
      setView(wholeOf(view));
    },
    showCells() {
      setView(closeUp(view, cursor));
    },
    dispose() {
      frame.dispose();
      surface.dispose();
    },
  };

  function layOut(): void {
    if (scene === null || element.clientWidth === 0) return;
    const { rows, columns } = scene;
    const ratio = window.devicePixelRatio;
    const first = geometry === null;
    geometry = layOutPlane(element.clientWidth, ratio, rows, columns);
    surface.resize(geometry.width / ratio, geometry.height / ratio);
    scratch = planeScratch(surface.raster, columns);
    const room = { width: geometry.plotWidth, height: geometry.plotHeight };
    const most = MOST_SCALE * ratio;
    view = first ? fitPlane(rows, columns, room, most) : resizePlane(view, room, most);
    paint();
  }

  function paint(): void {
    if (scene === null || geometry === null) return;
    const { mips, table, groups, theme, words } = scene;
    const { raster, context } = surface;
    if (mips === null) paintPlanePlace(raster, geometry, view, theme);
    else paintPlane(raster, geometry, view, mips, table, groups, theme, scratch);
    surface.put();
    paintPlaneLabels(context, geometry, view, words, theme);
    const marked = hover ?? (focused ? cursor : null);
    if (marked !== null && mips !== null) paintPlaneCursor(context, geometry, view, marked, theme);
  }

  function setView(next: View): void {
    if (sameView(next, view)) return;
    view = next;
    surface.invalidate();
  }

  function tell(cell: PlaneCell | null, byKeyboard: boolean): void {
    const cells = Math.max(1, Math.round(1 / cellWidth(view.x)));
    events.onSpot(cell === null ? null : { ...cell, cells }, byKeyboard);
  }

  function setHover(cell: PlaneCell | null): void {
    if (cell?.row === hover?.row && cell?.column === hover?.column) return;
    hover = cell;
    tell(cell ?? (focused ? cursor : null), false);
    surface.invalidate();
  }

  /** Where the pointer is on the cells, in device pixels. */
  function placeOf(event: MouseEvent): { readonly x: number; readonly y: number } {
    const { ratio, left, top } = geometry!;
    return { x: event.offsetX * ratio - left, y: event.offsetY * ratio - top };
  }

  function under(event: MouseEvent): PlaneCell | null {
    if (geometry === null) return null;
    const { x, y } = placeOf(event);
    return planeCellAt(view, x, y);
  }

  function onWheel(event: WheelEvent): void {
    if (geometry === null) return;
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    const { deltaX, deltaY, shiftKey } = event;
    const [across, down] = shiftKey && deltaX === 0 ? [deltaY, 0] : [deltaX, deltaY];
    const at = placeOf(event);
    const next = planeAfterWheel(view, at, across * lines, down * lines, geometry.ratio);
    if (next === null) return;
    event.preventDefault();
    setView(next);
    setHover(under(event));
  }

  function onDown(event: PointerEvent): void {
    if (geometry === null || event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    const { offsetX: x, offsetY: y } = event;
    press = { x, y, fromX: x, fromY: y };
  }

  function onMove(event: PointerEvent): void {
    if (geometry === null) return;
    if (press === null) {
      setHover(under(event));
      return;
    }
    canvas.classList.add('dragging');
    const { ratio } = geometry;
    const { offsetX, offsetY } = event;
    setView(panPlane(view, (press.x - offsetX) * ratio, (press.y - offsetY) * ratio));
    [press.x, press.y] = [offsetX, offsetY];
  }

  function onUp(event: PointerEvent): void {
    canvas.classList.remove('dragging');
    const from = press;
    press = null;
    if (from === null) return;
    const away = Math.hypot(event.offsetX - from.fromX, event.offsetY - from.fromY);
    const cell = under(event);
    if (away >= CLICK || cell === null) return;
    cursor = cell;
    tell(cell, false);
    surface.invalidate();
  }

  function onKey(event: KeyboardEvent): void {
    if (geometry === null || event.ctrlKey || event.metaKey || event.altKey) return;
    const next = planeAfterKey(event.key, { view, cell: cursor }, geometry.ratio);
    if (next === null) return;
    event.preventDefault();
    cursor = next.cell;
    hover = null;
    focused = true;
    setView(next.view);
    surface.invalidate();
    tell(cursor, true);
  }
}
