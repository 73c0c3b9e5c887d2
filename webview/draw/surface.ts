import type { Raster } from './raster.ts';

/** A canvas whose pixels are written by hand and on which text is drawn over them. */
export interface Surface {
  readonly canvas: HTMLCanvasElement;
  readonly context: CanvasRenderingContext2D;
  /** Device pixels per CSS pixel. */
  readonly ratio: number;
  readonly raster: Raster;
  /** Gives it a size in CSS pixels; keeps its buffer when that did not change. */
  resize(width: number, height: number): void;
  /** Draws in the next frame, once, however often it is asked to. */
  readonly invalidate: () => void;
  /** Puts the raster's pixels on the canvas. */
  put(): void;
  dispose(): void;
}

/**
 * Makes the surface of a canvas.
 * @param paint  draws one frame
 */
export function createSurface(canvas: HTMLCanvasElement, paint: () => void): Surface {
  const context = canvas.getContext('2d');
  if (context === null) throw new Error('The browser offers no canvas to draw on.');
  const view = canvas.ownerDocument.defaultView ?? window;
  let image = context.createImageData(1, 1);
  let raster = rasterOf(image);
  let ratio = 1;
  let frame = 0;
  const surface: Surface = {
    canvas,
    context,
    get ratio() {
      return ratio;
    },
    get raster() {
      return raster;
    },
    resize(width, height) {
      ratio = view.devicePixelRatio;
      const [columns, rows] = [Math.max(1, Math.floor(width * ratio)), Math.round(height * ratio)];
      if (columns === image.width && rows === image.height) return;
      [canvas.width, canvas.height] = [columns, Math.max(1, rows)];
      canvas.style.width = `${columns / ratio}px`;
      canvas.style.height = `${rows / ratio}px`;
      image = context.createImageData(canvas.width, canvas.height);
      raster = rasterOf(image);
    },
    invalidate() {
      if (frame !== 0) return;
      frame = view.requestAnimationFrame(() => {
        frame = 0;
        paint();
      });
    },
    put() {
      context.putImageData(image, 0, 0);
    },
    dispose() {
      view.cancelAnimationFrame(frame);
      frame = -1;
    },
  };
  return surface;
}

function rasterOf({ width, height, data }: ImageData): Raster {
  return { width, height, pixels: new Uint32Array(data.buffer, data.byteOffset, width * height) };
}
