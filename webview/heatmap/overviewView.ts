import type { CanvasTheme } from '../draw/canvasTheme.ts';
import { createSurface } from '../draw/surface.ts';
import { createHeatCanvas } from './heatCanvas.ts';
import { columnAt, layerAt, layOutOverview, type OverviewGeometry } from './overviewGeometry.ts';
import { paintCells, paintCursor, paintLabels, paintPlaces } from './overviewPaint.ts';
import type { Picture } from './picture.ts';
import type { Band } from './units.ts';

/** A cell of the overview. */
export interface OverviewCell {
  readonly layer: number;
  readonly column: number;
}

/** What an overview shows. */
export interface OverviewScene {
  readonly layers: number;
  readonly columns: readonly Band[];
  readonly words: { readonly head: string };
  readonly theme: CanvasTheme;
  /** Null while it is not there: labels are drawn, cells are not. */
  readonly picture: Picture | null;
  /** Summary for the screen reader. */
  readonly summary: string;
}

/** The picture of a whole model. */
export interface OverviewView {
  readonly element: HTMLElement;
  show(scene: OverviewScene): void;
  /** Moves the keyboard there. */
  focus(layer: number): void;
  dispose(): void;
}

/** What an overview tells. */
export interface OverviewEvents {
  /** The cell under the pointer or the cursor; null when there is none. */
  onCell(cell: OverviewCell | null, byKeyboard: boolean): void;
  onOpen(layer: number): void;
}

/** Makes an overview. */
export function createOverviewView(events: OverviewEvents): OverviewView {
  const frame = createHeatCanvas('heat-overview', {
    layOut,
    onKey,
    onLeave() {
      moveHover(null);
    },
    onFocus(shown) {
      focused = shown === true;
      if (shown !== false) events.onCell(focused ? cursor : null, focused);
      surface.invalidate();
    },
  });
  const { canvas, element } = frame;
  let scene: OverviewScene | null = null;
  let geometry: OverviewGeometry | null = null;
  let stale = true;
  let cursor: OverviewCell = { layer: 0, column: 0 };
  let hover: OverviewCell | null = null;
  let focused = false;

  const surface = createSurface(canvas, paint);
  canvas.addEventListener('pointermove', (event) => {
    moveHover(cellUnder(event));
  });
  canvas.addEventListener('click', (event) => {
    const cell = cellUnder(event);
    if (cell === null) return;
    cursor = cell;
    events.onOpen(cell.layer);
  });

  return {
    element,
    show(next) {
      if (scene === next) return;
      const moved = scene?.layers !== next.layers || scene.columns !== next.columns;
      scene = next;
      stale = true;
      canvas.setAttribute('aria-label', next.summary);
      cursor = clamp(cursor);
      if (moved) layOut();
      surface.invalidate();
    },
    focus(layer) {
      cursor = clamp({ ...cursor, layer });
      focused = true;
      canvas.focus();
    },
    dispose() {
      frame.dispose();
      surface.dispose();
    },
  };

  function layOut(): void {
    if (scene === null || element.clientWidth === 0) return;
    const ratio = window.devicePixelRatio;
    geometry = layOutOverview(element.clientWidth, ratio, scene.layers, scene.columns);
    surface.resize(geometry.width / ratio, geometry.height / ratio);
    stale = true;
    // At once: a canvas that was given a size is empty until it is drawn.
    paint();
  }

  function paint(): void {
    if (scene === null || geometry === null) return;
    const { picture, columns, theme, words } = scene;
    if (stale) {
      if (picture === null) paintPlaces(surface.raster, geometry, theme);
      else paintCells(surface.raster, geometry, picture, theme);
      stale = false;
    }
    surface.put();
    paintLabels(surface.context, geometry, picture, columns, theme, words);
    const marked = hover ?? (focused ? cursor : null);
    if (marked !== null && picture !== null) paintCursor(surface.context, geometry, marked, theme);
  }

  function cellUnder(event: MouseEvent): OverviewCell | null {
    if (geometry === null) return null;
    const layer = layerAt(geometry, event.offsetY * geometry.ratio);
    if (layer < 0) return null;
    const x = event.offsetX * geometry.ratio;
    const column = columnAt(geometry, x);
    return column < 0 ? null : { layer, column };
  }

  function moveHover(cell: OverviewCell | null): void {
    if (cell?.layer === hover?.layer && cell?.column === hover?.column) return;
    hover = cell;
    canvas.classList.toggle('pointing', cell !== null);
    events.onCell(cell ?? (focused ? cursor : null), false);
    surface.invalidate();
  }

  function onKey(event: KeyboardEvent): void {
    if (scene === null || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      events.onOpen(cursor.layer);
      return;
    }
    const next = moved(event.key, cursor, scene);
    if (next === null) return;
    event.preventDefault();
    cursor = clamp(next);
    focused = true;
    hover = null;
    events.onCell(cursor, true);
    surface.invalidate();
  }

  function clamp({ layer, column }: OverviewCell): OverviewCell {
    const { layers, columns } = scene ?? { layers: 1, columns: [] };
    return {
      layer: Math.max(0, Math.min(layers - 1, layer)),
      column: Math.max(0, Math.min(columns.length - 1, column)),
    };
  }
}

function moved(key: string, from: OverviewCell, scene: OverviewScene): OverviewCell | null {
  const { layer, column } = from;
  const page = Math.max(1, Math.round(scene.layers / 8));
  switch (key) {
    case 'ArrowLeft':
      return { layer, column: column - 1 };
    case 'ArrowRight':
      return { layer, column: column + 1 };
    case 'ArrowUp':
      return { layer: layer - 1, column };
    case 'ArrowDown':
      return { layer: layer + 1, column };
    case 'Home':
      return { layer, column: 0 };
    case 'End':
      return { layer, column: Infinity };
    case 'PageUp':
      return { layer: layer - page, column };
    case 'PageDown':
      return { layer: layer + page, column };
    default:
      return null;
  }
}
