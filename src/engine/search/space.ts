import { EngineError, misfit } from '../../protocol/errors.ts';
import type { AttentionMasks } from '../subnet/select.ts';

/** Kept fractions a gene may take: least, least + step, … up to most; each 0 to 1. */
export interface RatioRange {
  readonly least: number;
  readonly most: number;
  readonly step: number;
}

/** What the search may choose between. */
export interface SearchSpace {
  readonly masks: AttentionMasks;
  /** Per key/value head; with decoupled masks for q/k and for v/o each. */
  readonly attention: RatioRange;
  /** Per block. */
  readonly mlp: RatioRange;
  /** Blocks present. */
  readonly depth: { readonly least: number; readonly most: number };
}

/** The part of a space that the paper tabulates. */
export type SearchRanges = Omit<SearchSpace, 'masks'>;

/**
 * The paper's lower ends by kept fraction; every upper end is 1.
 *
 * Deviation: the 70% row prints an attention range from .3. Its neighbours (.9, .8 above it, .6
 * below) and the text around it point to .7, which is what stands here.
 */
const ATTENTION_LEAST: Curve = [
  [0.5, 0.6],
  [0.6, 0.6],
  [0.7, 0.7],
  [0.8, 0.8],
  [0.9, 0.9],
  [1, 1],
];
const MLP_LEAST: Curve = [
  [0.5, 0.1],
  [0.6, 0.1],
  [0.7, 0.2],
  [0.8, 0.4],
  [0.9, 0.6],
  [1, 1],
];

/** Fewest blocks over all blocks: one curve over the kept fraction per number of layers. */
const DEPTH_LEAST: readonly (readonly [layers: number, curve: Curve])[] = [
  [12, depthCurve(12, [8, 10, 10, 12, 12])],
  [24, depthCurve(24, [16, 20, 20, 24, 24])],
  [32, depthCurve(32, [28, 28, 30, 32, 32])],
  [40, depthCurve(40, [32, 32, 36, 40, 40])],
  [60, depthCurve(60, [52, 52, 56, 60, 60])],
  [80, depthCurve(80, [72, 72, 76, 80, 80])],
];

const ATTENTION_STEP = 0.01;
const MLP_STEP = 0.05;

/** Below this kept fraction the paper tabulates nothing. */
const LOWEST_ROW = 0.5;

/**
 * Method A's search ranges for a kept fraction and a number of layers.
 *
 * Deviation: the table has rows at 90, 80, 70, 60 and 50% and columns by model size. Between rows
 * the lower ends are interpolated linearly, towards 1 above 90% and towards 0 below 50%. Columns
 * go by the number of layers, interpolated as a fraction of depth; of the two 32-layer columns the
 * 7B one is used, and a model with fewer than 12 layers takes the fractions of 12.
 * @param kept  fraction of the block parameters to keep, 0 to 1
 * @param layers  L
 * @source Shen et al. 2024 (arXiv 2409.17372), search-space table; METHODS section 1.1
 */
export function methodARanges(kept: number, layers: number): SearchRanges {
  const below = Math.min(1, kept / LOWEST_ROW);
  const share = interpolate(
    DEPTH_LEAST.map(([column, curve]) => [column, interpolate(curve, kept)]),
    layers,
  );
  return {
    attention: {
      least: below * interpolate(ATTENTION_LEAST, kept),
      most: 1,
      step: ATTENTION_STEP,
    },
    mlp: { least: below * interpolate(MLP_LEAST, kept), most: 1, step: MLP_STEP },
    depth: { least: Math.max(1, Math.round(share * layers)), most: layers },
  };
}

/**
 * Checks a space that a user may have written.
 * @param layers  L
 * @throws EngineError  `config` naming the range that is impossible
 */
export function assertSpace(space: SearchSpace, layers: number): void {
  assertRange('attention', space.attention);
  assertRange('mlp', space.mlp);
  const { least, most } = space.depth;
  if (!Number.isInteger(least) || !Number.isInteger(most) || !(1 <= least && least <= most)) {
    throw impossible('depth', `1 ≤ least ≤ most ≤ ${layers}, whole numbers`, `${least} to ${most}`);
  }
  if (most > layers) throw impossible('depth', `at most ${layers} blocks`, `${most}`);
}

/**
 * The grid values of a range near a ratio.
 * @param reach  how far from `current` to look, as a fraction of the range; 1 or more sees it all
 * @returns ascending ratios, at least one
 */
export function gridAround(range: RatioRange, current: number, reach: number): number[] {
  const steps = Math.floor((range.most - range.least) / range.step + 1e-9);
  const grid = Array.from({ length: steps + 1 }, (_, i) => range.least + i * range.step);
  if (reach >= 1) return grid;
  const distance = reach * (range.most - range.least) + 1e-9;
  const near = grid.filter((ratio) => Math.abs(ratio - current) <= distance);
  if (near.length > 0) return near;
  return [grid.reduce((a, b) => (Math.abs(b - current) < Math.abs(a - current) ? b : a))];
}

/** Points (x, y) with ascending x. */
type Curve = readonly (readonly [x: number, y: number])[];

/** Least depth at 50, 60, 70, 80 and 90%, as fractions of the layers of the column's model. */
function depthCurve(layers: number, least: readonly number[]): Curve {
  return [...least.map((depth, i) => [0.5 + i / 10, depth / layers] as const), [1, 1] as const];
}

/** Piecewise linear, constant beyond the ends. */
function interpolate(curve: Curve, x: number): number {
  const next = curve.findIndex(([at]) => at >= x - 1e-9);
  if (next < 0) return curve.at(-1)![1];
  if (next === 0) return curve[0]![1];
  const [x0, y0] = curve[next - 1]!;
  const [x1, y1] = curve[next]!;
  return y0 + ((x - x0) / (x1 - x0)) * (y1 - y0);
}

function assertRange(name: string, { least, most, step }: RatioRange): void {
  if (!(least >= 0 && least <= most && most > 0 && most <= 1)) {
    throw impossible(name, '0 ≤ least ≤ most ≤ 1', `${least} to ${most}`);
  }
  // A finer grid than this is no coarser than single units and would only waste memory.
  if (!(step >= 1e-4 && step <= 1)) throw impossible(name, 'a step from 0.0001 to 1', `${step}`);
}

function impossible(name: string, expected: string, found: string): EngineError {
  return new EngineError('config', {
    ...misfit(`The search range "${name}"`, expected, found),
    action: 'Correct the range, or leave it out to use the published one.',
  });
}
