import type { LayerWeights } from '../checkpoint/modelWeights.ts';
import type { ForwardPass } from '../graphs/forwardPass.ts';
import { blockOf, OUTPUT_MAP, type SublayerKind } from '../model/block.ts';
import { rowsOf } from '../model/rows.ts';
import { addColumnSums, energyOf, type Moments } from '../graphs/moments.ts';
import { matrixOf } from '../numeric/matrix.ts';
import { releaseTensors } from '../runtime/deviceTensors.ts';
import type { Tensor } from '../runtime/runtime.ts';
import type { LayerMask } from '../model/subnet.ts';
import { pickTokens, type TokenRows } from '../passes/statistics.ts';
import type { TargetMoments } from './residualMoments.ts';

/**
 * The moments of a sublayer's output map on some sets of tokens: what enters the map against what the
 * sublayer should add to the residual stream.
 */
export interface SublayerMoments {
  /** Dense rows of o or down that the mask keeps, ascending, in the order of the moments, [k]. */
  readonly rows: Uint32Array;
  /** One for each set of tokens. */
  readonly sets: readonly TargetMoments[];
}

/** What {@link gatherMoments} reads. */
export interface MomentsRequest {
  readonly kind: SublayerKind;
  /** Of the block. */
  readonly index: number;
  readonly layer: LayerWeights;
  readonly mask: LayerMask;
  /** The subnet's residual stream before the sublayer, per batch. */
  readonly states: readonly Tensor[];
  /** The residual stream that the sublayer should produce, per batch. */
  readonly wanted: readonly Tensor[];
  /** Sets of tokens to be summed apart: per set and batch, the rows that are in it. */
  readonly sets: readonly (readonly TokenRows[])[];
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
  const { kind, layer, mask, states, wanted, sets } = request;
  const rows = rowsOf(blockOf(forward.shape, request.index), OUTPUT_MAP[kind], mask);
  const moments = forward.moments;
  const { hidden } = forward.shape;
  const sums = sets.map(() => emptySums(rows.length, hidden));
  const after = await forward.sublayer(kind, layer, mask, states, {
    signal,
    tap: async ({ inner }, batch) => {
      const before = await forward.host(states[batch]!);
      const goal = await forward.host(wanted[batch]!);
      const target = goal.map((value, i) => value - (before[i] as number));
      for (const [i, sum] of sums.entries()) {
        const tokens = sets[i]![batch]!;
        const [z, t] = [pickTokens(inner, rows.length, tokens), pickTokens(target, hidden, tokens)];
        await addTokens(moments, sum, z, t);
      }
    },
  });
  releaseTensors(after);
  return { rows, sets: sums.map((sum) => momentsOfSums(sum, rows.length, hidden)) };
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

async function addTokens(
  moments: Moments,
  sum: Sums,
  inner: Float32Array,
  target: Float32Array,
): Promise<void> {
  const tokens = target.length / sum.targetSum.length;
  if (tokens === 0) return;
  await moments.addCross(sum.gram, inner, inner, tokens);
  await moments.addCross(sum.cross, inner, target, tokens);
  addColumnSums(sum.inputSum, inner);
  addColumnSums(sum.targetSum, target);
  sum.targetEnergy += energyOf(target);
  sum.tokens += tokens;
}

function momentsOfSums(
  { gram, cross, ...rest }: Sums,
  width: number,
  hidden: number,
): TargetMoments {
  return {
    ...rest,
    gram: matrixOf(gram, width, width),
    cross: matrixOf(cross, width, hidden),
  };
}
