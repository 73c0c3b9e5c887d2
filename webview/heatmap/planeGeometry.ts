/** Where everything of a plane stands, in device pixels. */
export interface PlaneGeometry {
  readonly width: number;
  readonly height: number;
  readonly ratio: number;
  /** Left upper corner of the cells. */
  readonly left: number;
  readonly top: number;
  readonly plotWidth: number;
  readonly plotHeight: number;
  /** Thickness of the bars that show what is in view. */
  readonly thumb: number;
}

/** CSS pixels. */
const SIZES = { left: 62, top: 40, right: 10, bottom: 10, thumb: 4 };
/** CSS pixels the cells may take downwards. */
const HEIGHT = { least: 200, most: 460 };

/**
 * Lays a plane out: as high as the whole of it needs at this width, within bounds, so that nothing
 * moves while it is zoomed.
 * @param width  CSS pixels
 * @param ratio  device pixels per CSS pixel
 */
export function layOutPlane(
  width: number,
  ratio: number,
  rows: number,
  columns: number,
): PlaneGeometry {
  const px = (css: number): number => Math.round(css * ratio);
  const across = Math.max(40, width - SIZES.left - SIZES.right);
  const even = (across * rows) / Math.max(1, columns);
  const down = Math.min(HEIGHT.most, Math.max(HEIGHT.least, Math.ceil(even)));
  const [plotWidth, plotHeight] = [Math.floor(across * ratio), px(down)];
  return {
    width: px(SIZES.left) + plotWidth + px(SIZES.right),
    height: px(SIZES.top) + plotHeight + px(SIZES.bottom),
    ratio,
    left: px(SIZES.left),
    top: px(SIZES.top),
    plotWidth,
    plotHeight,
    thumb: px(SIZES.thumb),
  };
}
