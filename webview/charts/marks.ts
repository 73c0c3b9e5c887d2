/** Shapes that tell series apart where colours do not. */
export type Shape =
  | 'circle'
  | 'dot'
  | 'cross'
  | 'triangle'
  | 'wedge'
  | 'square'
  | 'frame'
  | 'diamond'
  | 'star'
  | 'ring';

/** Draws a shape. @param size  from its middle to its edge, in units of the context */
export function drawShape(
  context: CanvasRenderingContext2D,
  shape: Shape,
  x: number,
  y: number,
  size: number,
): void {
  context.beginPath();
  switch (shape) {
    case 'circle':
    case 'ring':
    case 'dot':
      context.arc(x, y, size, 0, 2 * Math.PI);
      break;
    case 'cross':
      context.moveTo(x - size, y - size);
      context.lineTo(x + size, y + size);
      context.moveTo(x + size, y - size);
      context.lineTo(x - size, y + size);
      break;
    default:
      for (const [dx, dy] of corners[shape]) context.lineTo(x + dx * size, y + dy * size);
      context.closePath();
  }
  if (hollow.has(shape)) context.stroke();
  else context.fill();
}

const hollow: ReadonlySet<Shape> = new Set(['cross', 'circle', 'ring', 'frame']);

type Corners = 'triangle' | 'wedge' | 'square' | 'frame' | 'diamond' | 'star';

const corners: Readonly<Record<Corners, readonly (readonly [number, number])[]>> = {
  triangle: [
    [0, -1.15],
    [1.1, 0.85],
    [-1.1, 0.85],
  ],
  wedge: [
    [0, 1.15],
    [1.1, -0.85],
    [-1.1, -0.85],
  ],
  frame: [
    [-1, -1],
    [1, -1],
    [1, 1],
    [-1, 1],
  ],
  square: [
    [-0.9, -0.9],
    [0.9, -0.9],
    [0.9, 0.9],
    [-0.9, 0.9],
  ],
  diamond: [
    [0, -1.25],
    [1.1, 0],
    [0, 1.25],
    [-1.1, 0],
  ],
  star: Array.from({ length: 10 }, (_, at) => {
    const radius = at % 2 === 0 ? 1.35 : 0.6;
    const angle = (at * Math.PI) / 5 - Math.PI / 2;
    return [radius * Math.cos(angle), radius * Math.sin(angle)] as const;
  }),
};
