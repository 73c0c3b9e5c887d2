import type { Zoom } from '../selection.ts';

/** Which axes of a plane are logarithmic. */
export interface PlaneKind {
  readonly xLogarithmic: boolean;
  readonly yLogarithmic: boolean;
}

/**
 * A part of a plane, larger or smaller about a place.
 * @param factor  below 1 shows less: it zooms in
 * @param about  place that stays where it is, as shares of the part from left and bottom
 */
export function zoomed(
  part: Zoom,
  kind: PlaneKind,
  factor: number,
  about: { readonly x: number; readonly y: number },
): Zoom {
  const [xMin, xMax] = scaled(part.xMin, part.xMax, kind.xLogarithmic, factor, about.x);
  const [yMin, yMax] = scaled(part.yMin, part.yMax, kind.yLogarithmic, factor, about.y);
  return { xMin, xMax, yMin, yMax };
}

/** A part of a plane, moved by shares of its size. */
export function moved(part: Zoom, kind: PlaneKind, dx: number, dy: number): Zoom {
  const [xMin, xMax] = shifted(part.xMin, part.xMax, kind.xLogarithmic, dx);
  const [yMin, yMax] = shifted(part.yMin, part.yMax, kind.yLogarithmic, dy);
  return { xMin, xMax, yMin, yMax };
}

/** The part between two corners, given as shares of a part from left and bottom. */
export function between(
  part: Zoom,
  kind: PlaneKind,
  a: { readonly x: number; readonly y: number },
  b: { readonly x: number; readonly y: number },
): Zoom {
  const x = (share: number): number => at(part.xMin, part.xMax, kind.xLogarithmic, share);
  const y = (share: number): number => at(part.yMin, part.yMax, kind.yLogarithmic, share);
  return {
    xMin: x(Math.min(a.x, b.x)),
    xMax: x(Math.max(a.x, b.x)),
    yMin: y(Math.min(a.y, b.y)),
    yMax: y(Math.max(a.y, b.y)),
  };
}

/** The part, kept within the whole; null when it is all of it, or no part at all. */
export function within(part: Zoom, whole: Zoom): Zoom | null {
  const xMin = Math.max(part.xMin, whole.xMin);
  const xMax = Math.min(part.xMax, whole.xMax);
  const yMin = Math.max(part.yMin, whole.yMin);
  const yMax = Math.min(part.yMax, whole.yMax);
  if (!(xMin < xMax && yMin < yMax)) return null;
  const all = xMin <= whole.xMin && xMax >= whole.xMax && yMin <= whole.yMin && yMax >= whole.yMax;
  return all ? null : { xMin, xMax, yMin, yMax };
}

function scaled(
  min: number,
  max: number,
  logarithmic: boolean,
  factor: number,
  about: number,
): [number, number] {
  const low = at(min, max, logarithmic, about - about * factor);
  const high = at(min, max, logarithmic, about + (1 - about) * factor);
  return [low, high];
}

function shifted(min: number, max: number, logarithmic: boolean, by: number): [number, number] {
  return [at(min, max, logarithmic, by), at(min, max, logarithmic, 1 + by)];
}

function at(min: number, max: number, logarithmic: boolean, share: number): number {
  if (!logarithmic) return min + (max - min) * share;
  return min * (max / min) ** share;
}
