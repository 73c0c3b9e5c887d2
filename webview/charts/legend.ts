import { el, setAttribute } from '../dom.ts';
import { drawShape, type Shape } from './marks.ts';

/** An entry of a legend. */
export interface LegendEntry {
  readonly label: string;
  readonly colour: string;
  readonly mark:
    | { readonly kind: 'shape'; readonly shape: Shape }
    | { readonly kind: 'line'; readonly dash: readonly number[] }
    | { readonly kind: 'band' };
}

/** Makes the legend of a plot; drawn with the same strokes as the plot itself. */
export function createLegend(): {
  readonly element: HTMLElement;
  update(entries: readonly LegendEntry[]): void;
} {
  const element = el('ul', { class: 'legend' });
  return {
    element,
    update(entries) {
      element.replaceChildren(
        ...entries.map((entry) => el('li', {}, drawKey(entry), el('span', { text: entry.label }))),
      );
    },
  };
}

/** The mark of an entry, as the plot draws it. */
export function drawKey({ mark, colour }: LegendEntry): HTMLCanvasElement {
  const [width, height] = [mark.kind === 'shape' ? 12 : 22, 12];
  const canvas = el('canvas', { class: 'legend-key' });
  setAttribute(canvas, 'aria-hidden', 'true');
  const ratio = devicePixelRatio;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext('2d');
  if (context === null) return canvas;
  context.scale(ratio, ratio);
  [context.fillStyle, context.strokeStyle] = [colour, colour];
  context.lineWidth = 1.5;
  if (mark.kind === 'shape') {
    drawShape(context, mark.shape, width / 2, height / 2, 3.5);
  } else if (mark.kind === 'band') {
    context.globalAlpha = 0.25;
    context.fillRect(0, 2, width, height - 4);
  } else {
    context.lineWidth = 2;
    context.setLineDash([...mark.dash]);
    context.beginPath();
    context.moveTo(0, height / 2);
    context.lineTo(width, height / 2);
    context.stroke();
  }
  return canvas;
}
