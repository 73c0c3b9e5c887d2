/** Pixels that are written by hand: an `ImageData` seen as 32-bit words, row after row. */
export interface Raster {
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint32Array;
}

/** Oblique lines that tell an area from another without colour. */
export interface Hatch {
  readonly pixel: number;
  /** Device pixels from line to line. */
  readonly period: number;
  /** Device pixels of a line, along a row. */
  readonly thickness: number;
}

/** Makes every pixel transparent. */
export function clearRaster(raster: Raster): void {
  raster.pixels.fill(0);
}

/** Fills a rectangle of whole pixels; what lies outside is left out. */
export function fillRect(
  raster: Raster,
  x: number,
  y: number,
  width: number,
  height: number,
  value: number,
): void {
  const left = Math.max(0, x);
  const right = Math.min(raster.width, x + width);
  const bottom = Math.min(raster.height, y + height);
  if (right <= left) return;
  for (let row = Math.max(0, y); row < bottom; row++) {
    raster.pixels.fill(value, row * raster.width + left, row * raster.width + right);
  }
}

/** Draws the lines of a hatch into a rectangle. Lines meet over the borders of neighbours. */
export function hatchRect(
  raster: Raster,
  x: number,
  y: number,
  width: number,
  height: number,
  hatch: Hatch,
): void {
  const left = Math.max(0, x);
  const right = Math.min(raster.width, x + width);
  const bottom = Math.min(raster.height, y + height);
  for (let row = Math.max(0, y); row < bottom; row++) {
    const line = row * raster.width;
    for (let column = left; column < right; column++) {
      if ((column + row) % hatch.period < hatch.thickness) {
        raster.pixels[line + column] = hatch.pixel;
      }
    }
  }
}

/**
 * Repeats a line of pixels downwards, and hatches the pixels whose flag is set.
 * @param line  [raster.width]; drawn from `left` to `right`
 * @param flags  [raster.width], 1 where the hatch belongs; null for no hatch
 */
export function paintBand(
  raster: Raster,
  line: Uint32Array,
  flags: Uint8Array | null,
  rect: {
    readonly left: number;
    readonly right: number;
    readonly top: number;
    readonly height: number;
  },
  hatch: Hatch,
): void {
  const { left, right } = rect;
  const { width, pixels } = raster;
  const top = Math.max(0, rect.top);
  const bottom = Math.min(raster.height, rect.top + rect.height);
  if (bottom <= top) return;
  const first = top * width;
  for (let x = left; x < right; x++) pixels[first + x] = line[x]!;
  for (let row = top + 1; row < bottom; row++) {
    pixels.copyWithin(row * width + left, first + left, first + right);
  }
  if (flags === null) return;
  const { period, thickness } = hatch;
  for (let row = top; row < bottom; row++) {
    const start = row * width;
    // The first column at or right of `left` where a line of the hatch crosses this row.
    const crossing = left + ((period - ((left + row) % period)) % period);
    for (let at = crossing - period; at < right; at += period) {
      for (let x = Math.max(left, at); x < at + thickness && x < right; x++) {
        if (flags[x] === 1) pixels[start + x] = hatch.pixel;
      }
    }
  }
}
