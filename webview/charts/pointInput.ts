import { placeOf } from './zoomInput.ts';

/** What finding the points of a plot needs. An index below 0 is no point. */
export interface PointInput {
  readonly frame: HTMLElement;
  /** The point nearest to a place, in CSS pixels of the frame; none that is far from it. */
  readonly under: (place: { readonly x: number; readonly y: number }) => number;
  /** Shows a point, or that there is none. */
  readonly show: (index: number) => void;
  /** Says a point that keys led to. */
  readonly say: (index: number) => void;
  /** Where a key leads from a point; undefined for a key that leads nowhere. */
  readonly after: (key: string, at: number) => number | undefined;
  readonly onSelect: (index: number) => void;
}

/** Farther than this is a drag and no click, in CSS pixels. */
const CLICK = 5;

/**
 * Shows the point under the pointer, or under the cursor that keys move; a click or Enter selects it.
 * @returns a function that stops that
 */
export function listenForPoints({ frame, ...input }: PointInput): () => void {
  const ended = new AbortController();
  const { signal } = ended;
  let at = -1;
  let pressed = { x: 0, y: 0 };
  const showAt = (index: number): void => {
    at = index;
    input.show(index);
  };
  const leave = (): void => {
    input.show(-1);
  };
  const on = <K extends keyof HTMLElementEventMap>(
    kind: K,
    listener: (event: HTMLElementEventMap[K]) => void,
  ): void => {
    frame.addEventListener(kind, listener, { signal });
  };
  on('pointermove', (event) => {
    if (event.buttons !== 0) leave();
    else showAt(input.under(placeOf(frame, event)));
  });
  on('pointerdown', (event) => {
    pressed = { x: event.clientX, y: event.clientY };
  });
  on('pointerleave', leave);
  on('blur', leave);
  on('click', (event) => {
    // A box that was dragged ends in a click as well.
    if (Math.hypot(event.clientX - pressed.x, event.clientY - pressed.y) > CLICK) return;
    const index = input.under(placeOf(frame, event));
    if (index >= 0) input.onSelect(index);
  });
  on('keydown', (event) => {
    if (event.shiftKey || event.ctrlKey || event.metaKey || event.altKey) return;
    const to = input.after(event.key, at);
    if (to !== undefined) {
      showAt(to);
      input.say(to);
    } else if ((event.key === 'Enter' || event.key === ' ') && at >= 0) {
      input.onSelect(at);
    } else return;
    event.preventDefault();
  });
  return () => {
    ended.abort();
  };
}

/** The index whose place is nearest; -1 when none is within reach. @param reach  CSS pixels */
export function nearestOf(
  count: number,
  placeOfIndex: (index: number) => { readonly x: number; readonly y: number } | null,
  from: { readonly x: number; readonly y: number },
  reach: number,
): number {
  let [found, nearest] = [-1, reach];
  for (let index = 0; index < count; index++) {
    const place = placeOfIndex(index);
    const away = place === null ? Infinity : Math.hypot(place.x - from.x, place.y - from.y);
    if (away < nearest) [found, nearest] = [index, away];
  }
  return found;
}
