import { el } from '../dom.ts';

/** What a heatmap does with its canvas. */
export interface HeatCanvasEvents {
  /** Takes the size of the element; called whenever that changes. */
  layOut(): void;
  onKey(event: KeyboardEvent): void;
  /** True: focused so that it shows; false: focused by a press; null: no longer focused. */
  onFocus(shown: boolean | null): void;
  onLeave(): void;
  /** Of one that pans and zooms. */
  readonly gestures?: {
    readonly onWheel: (event: WheelEvent) => void;
    readonly onDown: (event: PointerEvent) => void;
    readonly onMove: (event: PointerEvent) => void;
    readonly onUp: (event: PointerEvent) => void;
    readonly onCancel: () => void;
  };
}

/** The canvas of a heatmap in an element that it fills. */
export interface HeatCanvas {
  readonly canvas: HTMLCanvasElement;
  readonly element: HTMLElement;
  dispose(): void;
}

/** Makes one that keys reach. @param name  class of the element */
export function createHeatCanvas(name: string, events: HeatCanvasEvents): HeatCanvas {
  const canvas = el('canvas', {
    class: 'heat-canvas',
    role: 'application',
    tabIndex: 0,
    aria: { roledescription: 'heatmap' },
  });
  const element = el('div', { class: name }, canvas);
  const layOut = (): void => {
    events.layOut();
  };
  const watcher = new ResizeObserver(layOut);
  watcher.observe(element);
  window.addEventListener('resize', layOut);
  canvas.addEventListener('keydown', (event) => {
    events.onKey(event);
  });
  canvas.addEventListener('focus', () => {
    events.onFocus(canvas.matches(':focus-visible'));
  });
  canvas.addEventListener('blur', () => {
    events.onFocus(null);
  });
  canvas.addEventListener('pointerleave', () => {
    events.onLeave();
  });
  const { gestures } = events;
  if (gestures !== undefined) {
    canvas.addEventListener('wheel', gestures.onWheel, { passive: false });
    canvas.addEventListener('pointerdown', gestures.onDown);
    canvas.addEventListener('pointermove', gestures.onMove);
    canvas.addEventListener('pointerup', gestures.onUp);
    canvas.addEventListener('pointercancel', gestures.onCancel);
  }
  return {
    canvas,
    element,
    dispose() {
      watcher.disconnect();
      window.removeEventListener('resize', layOut);
    },
  };
}
