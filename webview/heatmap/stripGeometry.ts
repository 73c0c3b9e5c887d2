/** Sizes of a strip in CSS pixels. */
export interface StripSizes {
  /** Room for the rows' labels. */
  readonly gutter: number;
  readonly rowHeight: number;
  readonly rowGap: number;
}

/** Where everything of a strip stands, in device pixels. */
export interface StripGeometry {
  readonly width: number;
  readonly height: number;
  readonly ratio: number;
  /** Left edge of the cells. */
  readonly left: number;
  /** Width of the cells' area. */
  readonly plot: number;
  /** Height of the small map of the whole strip at the top. */
  readonly map: number;
  /** Middle of the line of the bands' names, and of that of their heads' and units' numbers. */
  readonly names: number;
  readonly numbers: number;
  /** Top of the first row. */
  readonly top: number;
  readonly rowPitch: number;
  readonly rowHeight: number;
  readonly rows: number;
}

const MAP = 10;
const NAMES = 24;
const NUMBERS = 39;
const TOP = 50;

/**
 * Lays a strip out.
 * @param width  CSS pixels
 * @param ratio  device pixels per CSS pixel
 */
export function layOutStrip(
  width: number,
  ratio: number,
  rows: number,
  sizes: StripSizes,
): StripGeometry {
  const px = (css: number): number => Math.round(css * ratio);
  const whole = Math.max(1, Math.floor(width * ratio));
  const left = px(sizes.gutter);
  const rowPitch = px(sizes.rowHeight + sizes.rowGap);
  return {
    width: whole,
    height: px(TOP) + rowPitch * rows + px(3),
    ratio,
    left,
    plot: Math.max(1, whole - left - px(3)),
    map: px(MAP),
    names: px(NAMES),
    numbers: px(NUMBERS),
    top: px(TOP),
    rowPitch,
    rowHeight: px(sizes.rowHeight),
    rows,
  };
}

/** The row under a device pixel; the nearest for those between and beyond. */
export function rowAt({ top, rowPitch, rows }: StripGeometry, y: number): number {
  return Math.max(0, Math.min(rows - 1, Math.floor((y - top) / rowPitch)));
}

/** True for the small map at the top. */
export function onMap({ map, ratio }: StripGeometry, y: number): boolean {
  return y < map + 3 * ratio;
}
