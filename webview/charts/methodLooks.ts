import { methodTitle } from '../../src/dashboard/model/comparisonText.ts';
import type { Theme } from '../theme.ts';
import type { LegendEntry } from './legend.ts';
import type { Shape } from './marks.ts';

/** How the points and lines of a method look. */
export interface MethodLook {
  readonly shape: Shape;
  /** Index into the colours of the theme. */
  readonly colour: 0 | 1 | 2 | 3 | 4;
  readonly dash: readonly number[];
}

const [BLUE, ORANGE, PURPLE, GREEN, PLAIN] = [0, 1, 2, 3, 4] as const;

/** Each method has a shape and a colour; what is ours is blue, and no two of a family share a shape. */
const looks: Readonly<Record<string, MethodLook>> = {
  random: { shape: 'cross', colour: PLAIN, dash: [2, 3] },
  magnitude: { shape: 'square', colour: ORANGE, dash: [7, 4] },
  wanda: { shape: 'triangle', colour: PURPLE, dash: [4, 2] },
  'wanda-sp': { shape: 'wedge', colour: PURPLE, dash: [4, 2] },
  sparsegpt: { shape: 'wedge', colour: GREEN, dash: [9, 3, 2, 3] },
  dass: { shape: 'circle', colour: PLAIN, dash: [2, 3] },
  flap: { shape: 'circle', colour: GREEN, dash: [9, 3, 2, 3] },
  influence: { shape: 'triangle', colour: GREEN, dash: [1, 3] },
  depth: { shape: 'frame', colour: ORANGE, dash: [1, 3] },
  ours: { shape: 'diamond', colour: BLUE, dash: [] },
  mix: { shape: 'frame', colour: BLUE, dash: [7, 4] },
  'uniform-obc': { shape: 'frame', colour: GREEN, dash: [4, 2] },
  slicegpt: { shape: 'square', colour: PURPLE, dash: [9, 3, 2, 3] },
  'paper, initialised': { shape: 'circle', colour: ORANGE, dash: [2, 3] },
  'paper, searched': { shape: 'dot', colour: ORANGE, dash: [7, 4] },
  paper: { shape: 'star', colour: ORANGE, dash: [] },
};
const unknownLook: MethodLook = { shape: 'ring', colour: PLAIN, dash: [] };

/** How a method is drawn. */
export function lookOf(method: string): MethodLook {
  return looks[method] ?? unknownLook;
}

/** The legend of methods; the dense model is a line. */
export function methodLegend(
  methods: readonly string[],
  theme: Theme,
): (LegendEntry & { readonly id: string })[] {
  return methods.map((method) => {
    const label = methodTitle(method);
    if (method === 'dense') {
      return {
        id: method,
        label,
        colour: theme.foreground,
        mark: { kind: 'line', dash: DENSE_DASH },
      };
    }
    const { shape, colour } = lookOf(method);
    return { id: method, label, colour: theme.series[colour], mark: { kind: 'shape', shape } };
  });
}

/** The line of the dense model. */
export const DENSE_DASH: readonly number[] = [5, 4];
