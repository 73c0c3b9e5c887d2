import type { LayerWeights } from '../checkpoint/modelWeights.ts';
import type { Runner } from '../graphs/runner.ts';
import { addColumnSums, energyOf, type Moments } from '../graphs/moments.ts';
import { blockOf, OUTPUT_MAP, type SublayerKind } from '../model/block.ts';
import type { ModelShape } from '../model/modelShape.ts';
import { rowsOf } from '../model/rows.ts';
import type { LayerMask } from '../model/subnet.ts';
import type { Tensor } from '../runtime/runtime.ts';

/** A sublayer and what enters it. */
export interface SublayerInput {
  /** Of the block. */
  readonly index: number;
  readonly kind: SublayerKind;
  /** The whole block. */
  readonly layer: LayerWeights;
  readonly mask: LayerMask;
  /** Residual stream before the sublayer, per batch, [B, T, H], which it adds to; not changed. */
  readonly states: readonly Tensor[];
  /** What the sublayer reads: these states, but in a parallel block those before the block. */
  readonly reads: readonly Tensor[];
}

/** What flows through a sublayer in one batch of N tokens. */
export interface Flow {
  readonly batch: number;
  /** N */
  readonly tokens: number;
  /** The normed input, which q, k and v or gate and up read, [N, H] */
  readonly normed: Float32Array;
  /** The input of o or down, kept rows only, in the order of `rowsOf`, [N, kept] */
  readonly inner: Float32Array;
  /** What o or down makes of it, where a norm is between that and the stream, [N, H]; else null */
  readonly update: Float32Array | null;
  /** The residual stream with what the sublayer adds to it, before a norm behind it, [N, H] */
  after(): Promise<Float32Array>;
}

/** Adds something of what flows through a sublayer up, batch by batch. */
export interface Statistic {
  add(flow: Flow): Promise<void> | void;
}

/**
 * Runs a sublayer over all batches and shows statistics what flows through it.
 * @returns  the residual stream behind it, per batch; the caller owns it
 * @throws EngineError `cancelled` between two batches
 */
export async function observe(
  forward: Runner,
  { kind, layer, mask, states, reads }: SublayerInput,
  statistics: readonly Statistic[],
  signal?: AbortSignal,
): Promise<Tensor[]> {
  const { hidden } = forward.shape;
  return forward.sublayer(kind, layer, mask, states, {
    signal,
    reads,
    tap: async ({ after, ...inside }, batch) => {
      const tokens = inside.normed.length / hidden;
      const flow: Flow = { batch, tokens, ...inside, after: () => forward.host(after) };
      for (const statistic of statistics) await statistic.add(flow);
    },
  });
}

/** Only looks at a sublayer: {@link observe} without the stream behind it. */
export async function lookAt(
  forward: Runner,
  at: SublayerInput,
  statistics: readonly Statistic[],
  signal?: AbortSignal,
): Promise<void> {
  forward.release(await observe(forward, at, statistics, signal));
}

/** Channels of what enters a sublayer's maps: of its normed input, and of the input of o or down. */
export function inputWidths(
  shape: ModelShape,
  { index, kind, mask }: Pick<SublayerInput, 'index' | 'kind' | 'mask'>,
): { readonly normed: number; readonly inner: number } {
  const inner = rowsOf(blockOf(shape, index), OUTPUT_MAP[kind], mask).length;
  return { normed: shape.hidden, inner };
}

/**
 * Some tokens of a batch: rows of its [B·T] tokens, window by window, ascending; null for all of
 * them.
 */
export type TokenRows = Uint32Array | null;

/**
 * Some rows of a matrix; all of them without a copy.
 * @param data  [any, width]
 */
export function pickTokens(data: Float32Array, width: number, rows: TokenRows): Float32Array {
  if (rows === null) return data;
  const out = new Float32Array(rows.length * width);
  rows.forEach((row, i) => {
    out.set(data.subarray(row * width, (row + 1) * width), i * width);
  });
  return out;
}

/** What is summed of an input x of n channels. */
export interface SumsWanted {
  /** Σ x xᵀ */
  readonly gram?: boolean;
  /** Σ x */
  readonly sum?: boolean;
  /** Σ x² */
  readonly squares?: boolean;
}

/** Sums over tokens of one input of a map, float64. */
export class InputSums {
  readonly width: number;
  /** [n, n]; empty unless wanted, as the others. */
  readonly gram: Float64Array;
  /** [n] */
  readonly sum: Float64Array;
  /** [n] */
  readonly squares: Float64Array;
  tokens = 0;
  readonly #moments: Moments;

  /** @param width  n */
  constructor(moments: Moments, width: number, wanted: SumsWanted) {
    this.#moments = moments;
    this.width = width;
    this.gram = new Float64Array(wanted.gram === true ? width ** 2 : 0);
    this.sum = new Float64Array(wanted.sum === true ? width : 0);
    this.squares = new Float64Array(wanted.squares === true ? width : 0);
  }

  /** @param x  [tokens, n] */
  async add(x: Float32Array): Promise<void> {
    const tokens = x.length / this.width;
    if (x.length === 0) return;
    if (this.gram.length > 0) await this.#moments.addCross(this.gram, x, x, tokens);
    if (this.sum.length > 0) addColumnSums(this.sum, x);
    if (this.squares.length > 0) addSquares(this.squares, x);
    this.tokens += tokens;
  }
}

/**
 * Sums over tokens of inputs z of n channels against what the map should make of them, t of H
 * channels, float64. A token counts by its weight, 1 unless it is scaled.
 */
export class TargetSums {
  /** Sum of the tokens' weights. */
  tokens = 0;
  /** Σ z zᵀ, [n, n] */
  readonly gram: Float64Array;
  /** Σ z tᵀ, [n, H] */
  readonly cross: Float64Array;
  /** Σ z, [n] */
  readonly inputSum: Float64Array;
  /** Σ t, [H] */
  readonly targetSum: Float64Array;
  /** Σ ‖t‖² */
  targetEnergy = 0;
  readonly #moments: Moments;
  readonly #first: TargetSums | null;

  /**
   * @param width  n
   * @param first  sums of the same inputs against another target, whose moments of the inputs are these too
   */
  constructor(moments: Moments, width: number, hidden: number, first: TargetSums | null = null) {
    this.#moments = moments;
    this.#first = first;
    this.gram = first?.gram ?? new Float64Array(width ** 2);
    this.cross = new Float64Array(width * hidden);
    this.inputSum = first?.inputSum ?? new Float64Array(width);
    this.targetSum = new Float64Array(hidden);
  }

  /**
   * @param z  [tokens, n]
   * @param t  [tokens, H]
   * @param scales  s of each token, [tokens]: its z and t are multiplied by it, and it counts s²
   */
  async add(z: Float32Array, t: Float32Array, scales: Float32Array | null = null): Promise<void> {
    const tokens = t.length / this.targetSum.length;
    if (tokens === 0) return;
    const [input, target] = [scaled(z, scales), scaled(t, scales)];
    await this.#moments.addCross(this.cross, input, target, tokens);
    if (this.#first === null) {
      await this.#moments.addCross(this.gram, input, input, tokens);
      addColumnSums(this.inputSum, scaled(input, scales));
    }
    addColumnSums(this.targetSum, scaled(target, scales));
    this.targetEnergy += energyOf(target);
    this.tokens += scales === null ? tokens : energyOf(scales);
  }
}

/** Rows times a number each; the rows themselves without one. */
function scaled(rows: Float32Array, scales: Float32Array | null): Float32Array {
  if (scales === null) return rows;
  const width = rows.length / scales.length;
  return rows.map((value, i) => value * scales[Math.floor(i / width)]!);
}

/** sum[c] += Σ over rows of a[row, c]². */
function addSquares(sum: Float64Array, a: Float32Array): void {
  const width = sum.length;
  for (let at = 0; at < a.length; at += width) {
    for (let i = 0; i < width; i++) sum[i]! += a[at + i]! ** 2;
  }
}
