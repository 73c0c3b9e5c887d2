import { EngineError } from '../../protocol/errors.ts';
import type { TokenRows } from '../passes/statistics.ts';

/**
 * What the inputs of a sublayer's maps look like over the calibration tokens.
 *
 * `normed` enters q, k and v or gate and up; `inner` enters o or down.
 */
export interface SublayerStatistics {
  readonly tokens: number;
  readonly normed: InputMoments;
  readonly inner: InputMoments;
  /** Σ x xᵀ of what enters q, k and v or gate and up, for each set of tokens that was asked for. */
  readonly normedSets: readonly Float64Array[];
  /** What one neuron's gate and up rows do to the output; MLP only, when asked for. */
  readonly sensitivity: Sensitivity | null;
}

/** Moments of one input. */
export interface InputMoments {
  /** Σ x², [n] */
  readonly squares: Float64Array;
  /** Σ x xᵀ, [n, n]; null unless asked for. */
  readonly gram: Float64Array | null;
}

/** Sums over tokens of squared first-order effects on the neuron's output, [I] each. */
export interface Sensitivity {
  /** Σ (u·act′(g))², of a change of gate */
  readonly gate: Float64Array;
  /** Σ act(g)², of a change of up */
  readonly up: Float64Array;
}

/** What is collected besides the sums of squares. */
export interface StatisticsWish {
  /** Gram matrices of both inputs over all tokens. */
  readonly gram: boolean;
  readonly sensitivity: boolean;
  /** Sets of tokens whose normed inputs get a Gram matrix each: per set and batch, their rows. */
  readonly sets: readonly (readonly TokenRows[])[];
}

/**
 * Checks that an input is fit to be scored by.
 *
 * Single channels that are always zero are legal: nothing is lost with their weights.
 * @param what  the input, e.g. `block 3, input of down_proj`
 * @param narrowed  the channels are those a subnet keeps, which may all be silent ones; any mask of
 *   their weights is then as good as any other
 * @throws EngineError `numeric` when a sum is not finite, or every channel of a whole input is zero
 */
export function assertUsable(what: string, { squares }: InputMoments, narrowed = false): void {
  const bad = squares.findIndex((sum) => !Number.isFinite(sum));
  if (bad >= 0) {
    throw new EngineError('numeric', {
      what: `${what}, channel ${bad}`,
      expected: 'finite activations over the calibration tokens',
      found: `a sum of squares of ${squares[bad]}`,
      action: 'Check the model and the calibration text: the activations overflow.',
      sentence: `The activations of ${what}, channel ${bad}, are not finite numbers over the calibration tokens.`,
    });
  }
  if (!narrowed && squares.every((sum) => sum === 0)) {
    throw new EngineError('numeric', {
      what,
      expected: 'a channel that is not always zero',
      found: `${squares.length} channels of zeros over all calibration tokens`,
      action: 'Use another calibration text, or the method "magnitude", which needs none.',
      sentence: `All ${squares.length} channels of ${what} are zero over all calibration tokens.`,
    });
  }
}

/** Root mean squares of an input's channels, [n], float32. */
export function channelNorms({ squares }: InputMoments, tokens: number): Float32Array {
  return Float32Array.from(squares, (sum) => Math.sqrt(sum / tokens));
}
