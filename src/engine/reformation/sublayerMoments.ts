import type { LayerWeights } from '../checkpoint/modelWeights.ts';
import { attentionRows, ZERO_ROW } from '../graphs/keptRows.ts';
import type { ForwardPass, SublayerKind } from '../graphs/forwardPass.ts';
import { addColumnSums, energyOf, type Moments, momentsOf } from '../graphs/moments.ts';
import { gatherEntries, gatherRows, subMatrix } from '../numeric/gather.ts';
import { matrixOf } from '../numeric/matrix.ts';
import { releaseTensors } from '../runtime/deviceTensors.ts';
import type { Tensor } from '../runtime/runtime.ts';
import type { LayerMask } from '../subnet/subnet.ts';
import { rowsOf, type TokenRows } from './heldBack.ts';
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
  const layout = innerRows(forward, kind, mask, states[0]!);
  const moments = momentsOf(forward);
  const { hidden } = forward.shape;
  const sums = sets.map(() => emptySums(layout.length, hidden));
  const after = await forward.sublayer(kind, layer, mask, states, {
    signal,
    tap: async ({ inner }, batch) => {
      const before = await forward.host(states[batch]!);
      const goal = await forward.host(wanted[batch]!);
      const target = goal.map((value, i) => value - (before[i] as number));
      for (const [i, sum] of sums.entries()) {
        const rows = sets[i]![batch]!;
        const [z, t] = [rowsOf(inner, layout.length, rows), rowsOf(target, hidden, rows)];
        await addTokens(moments, sum, z, t);
      }
    },
  });
  releaseTensors(after);
  const kept = Uint32Array.from([...layout.keys()].filter((i) => layout[i] !== ZERO_ROW));
  return {
    rows: Uint32Array.from(kept, (i) => layout[i] as number),
    sets: sums.map((sum) => compact(sum, kept, layout.length, hidden)),
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
function compact(sums: Sums, kept: Uint32Array, width: number, hidden: number): TargetMoments {
  return {
    tokens: sums.tokens,
    gram: subMatrix(matrixOf(sums.gram, width, width), kept, kept),
    cross: gatherRows(sums.cross, hidden, kept),
    inputSum: gatherEntries(sums.inputSum, kept),
    targetSum: sums.targetSum,
    targetEnergy: sums.targetEnergy,
  };
}
