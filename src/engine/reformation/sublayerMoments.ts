import type { LayerWeights } from '../checkpoint/modelWeights.ts';
import { attentionRows, ZERO_ROW } from '../graphs/keptRows.ts';
import type { ForwardPass, SublayerKind } from '../graphs/forwardPass.ts';
import { addColumnSums, energyOf, Moments } from '../graphs/moments.ts';
import { type Matrix, matrixOf } from '../numeric/matrix.ts';
import type { Tensor } from '../runtime/runtime.ts';
import type { LayerMask } from '../subnet/subnet.ts';

/**
 * All that least squares needs to know of a sublayer's output map `T ≈ Z·W + b`: Z is what enters
 * the map (kept units only), T what it should add to the residual stream.
 */
export interface FitMoments {
  readonly tokens: number;
  /** ZᵀZ, [k, k] */
  readonly gram: Matrix;
  /** ZᵀT, [k, H] */
  readonly cross: Matrix;
  /** Σ over tokens of Z, [k] */
  readonly inputSum: Float64Array;
  /** Σ over tokens of T, [H] */
  readonly targetSum: Float64Array;
  /** ‖T‖² */
  readonly targetEnergy: number;
}

/** The moments of a sublayer on training and on held-out batches. */
export interface SublayerMoments {
  /** Dense rows of o or down that are kept, in the order of the moments, [k]. */
  readonly rows: Int32Array;
  readonly train: FitMoments;
  readonly heldout: FitMoments;
}

/** What {@link gatherMoments} reads. */
export interface MomentsRequest {
  readonly kind: SublayerKind;
  readonly layer: LayerWeights;
  readonly mask: LayerMask;
  /** The subnet's residual stream before the sublayer, per batch. */
  readonly states: readonly Tensor[];
  /** The residual stream that the sublayer should produce, per batch. */
  readonly wanted: readonly Tensor[];
  /** Batches from this one on are held out. */
  readonly heldoutFrom: number;
}

/**
 * Runs a masked sublayer over all batches and sums the moments of its output map.
 * @throws EngineError `cancelled`
 */
export async function gatherMoments(
  forward: ForwardPass,
  request: MomentsRequest,
  signal?: AbortSignal,
): Promise<SublayerMoments> {
  const { kind, layer, mask, states, wanted, heldoutFrom } = request;
  const layout = innerRows(forward, kind, mask, states[0]!);
  const moments = new Moments(forward.runtime);
  const { hidden } = forward.shape;
  const sums = [emptySums(layout.length, hidden), emptySums(layout.length, hidden)] as const;
  await forward.sublayer(kind, layer, mask, states, {
    signal,
    tap: async ({ inner }, batch) => {
      const sum = sums[batch < heldoutFrom ? 0 : 1];
      const before = await forward.host(states[batch]!);
      const after = await forward.host(wanted[batch]!);
      const target = after.map((value, i) => value - (before[i] as number));
      const tokens = target.length / hidden;
      await moments.addCross(sum.gram, inner, inner, tokens);
      await moments.addCross(sum.cross, inner, target, tokens);
      addColumnSums(sum.inputSum, inner);
      addColumnSums(sum.targetSum, target);
      sum.targetEnergy += energyOf(target);
      sum.tokens += tokens;
    },
  });
  const kept = [...layout.keys()].filter((i) => layout[i] !== ZERO_ROW);
  return {
    rows: Int32Array.from(kept, (i) => layout[i] as number),
    train: compact(sums[0], kept, layout.length, hidden),
    heldout: compact(sums[1], kept, layout.length, hidden),
  };
}

interface Sums {
  tokens: number;
  targetEnergy: number;
  readonly gram: Float64Array;
  readonly cross: Float64Array;
  readonly inputSum: Float64Array;
  readonly targetSum: Float64Array;
}

function emptySums(width: number, hidden: number): Sums {
  return {
    tokens: 0,
    targetEnergy: 0,
    gram: new Float64Array(width * width),
    cross: new Float64Array(width * hidden),
    inputSum: new Float64Array(width),
    targetSum: new Float64Array(hidden),
  };
}

/** Dense row of each column that enters the output map; padding columns are {@link ZERO_ROW}. */
function innerRows(
  forward: ForwardPass,
  kind: SublayerKind,
  mask: LayerMask,
  state: Tensor,
): Int32Array {
  if (kind === 'mlp') return Int32Array.from(mask.mlp);
  return attentionRows(forward.shape, mask, forward.variantFor(state)).o;
}

/** Drops the padding columns, whose moments are all zero. */
function compact(sums: Sums, kept: readonly number[], width: number, hidden: number): FitMoments {
  const k = kept.length;
  const gram = new Float64Array(k * k);
  const cross = new Float64Array(k * hidden);
  kept.forEach((from, i) => {
    kept.forEach((column, j) => (gram[i * k + j] = sums.gram[from * width + column] as number));
    cross.set(sums.cross.subarray(from * hidden, (from + 1) * hidden), i * hidden);
  });
  return {
    tokens: sums.tokens,
    gram: matrixOf(gram, k, k),
    cross: matrixOf(cross, k, hidden),
    inputSum: Float64Array.from(kept, (i) => sums.inputSum[i] as number),
    targetSum: sums.targetSum,
    targetEnergy: sums.targetEnergy,
  };
}
