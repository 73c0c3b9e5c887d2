import type { CanvasTheme } from './canvasTheme.ts';
import { css } from './colour.ts';

/** A box in device pixels. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/**
 * Draws a line around a box that shows on any colour: one of the background around one of the
 * foreground.
 * @param ratio  device pixels of a CSS pixel
 */
export function outline(
  context: CanvasRenderingContext2D,
  { x, y, width, height }: Box,
  ratio: number,
  theme: CanvasTheme,
): void {
  const line = Math.max(1, Math.round(ratio));
  for (const [grow, colour] of [
    [2, theme.background],
    [1, theme.foreground],
  ] as const) {
    context.lineWidth = line;
    context.strokeStyle = css(colour);
    const out = (grow - 0.5) * line;
    context.strokeRect(x - out, y - out, width + 2 * out, height + 2 * out);
  }
}
