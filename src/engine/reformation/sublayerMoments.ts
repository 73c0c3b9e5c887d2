import type { LayerWeights } from '../checkpoint/modelWeights.ts';
import type { Runner } from '../graphs/runner.ts';
import { energyOf } from '../graphs/moments.ts';
import { blockOf, OUTPUT_MAP, type SublayerKind } from '../model/block.ts';
import { rowsOf } from '../model/rows.ts';
import { matrixOf } from '../numeric/matrix.ts';
import {
  pickTokens,
  type Statistic,
  type SublayerInput,
  TargetSums,
  type TokenRows,
} from '../passes/statistics.ts';
import type { Tensor } from '../runtime/runtime.ts';
import type { TargetMoments } from './residualMoments.ts';

/**
 * The moments of a sublayer's output map on some sets of tokens: what enters the map against what the
 * sublayer should add to the residual stream.
 */
export interface SublayerMoments {
  /** Dense rows of o or down that the mask keeps, in the order of the moments, [k]. */
  readonly rows: Uint32Array;
  /** One for each set of tokens. */
  readonly sets: readonly TargetMoments[];
  /** The same against the other target; empty without one. */
  readonly others: readonly TargetMoments[];
}

/** What {@link gatherMoments} reads. */
export interface MomentsRequest extends Omit<SublayerInput, 'reads'> {
  /** The residual stream that the sublayer should produce, before a norm behind it, per batch. */
  readonly wanted: readonly Tensor[];
  /** Another stream to sum against beside it. */
  readonly other?: readonly Tensor[] | null;
  /** Sets of tokens to be summed apart: per set and batch, the rows that are in it. */
  readonly sets: readonly (readonly TokenRows[])[];
}

/**
 * Sums the moments of a masked sublayer's output map over all batches.
 * @param look  runs the sublayer and shows statistics what flows through it
 * @throws EngineError `cancelled`
 */
export async function gatherMoments(
  forward: Runner,
  request: MomentsRequest,
  look: (statistics: readonly Statistic[]) => Promise<void>,
): Promise<SublayerMoments> {
  const { index, kind, layer, mask, states, wanted, other = null, sets } = request;
  const { hidden } = forward.shape;
  const rows = rowsOf(blockOf(forward.shape, index), OUTPUT_MAP[kind], mask);
  const width = rows.length;
  const sums = sets.map(() => new TargetSums(forward.moments, width, hidden));
  const beside =
    other === null ? [] : sums.map((sum) => new TargetSums(forward.moments, width, hidden, sum));
  const statistic: Statistic = {
    async add({ inner, batch, update }) {
      const before = await forward.host(states[batch]!);
      for (const [goals, to] of [
        [wanted, sums],
        [other ?? [], beside],
      ] as const) {
        if (to.length === 0) continue;
        const goal = await forward.host(goals[batch]!);
        const added = goal.map((value, i) => value - (before[i] as number));
        const { target, scales } =
          update === null
            ? { target: added, scales: null }
            : targetBeforeNorm(added, update, afterNorm(layer, kind));
        for (const [i, sum] of to.entries()) {
          const tokens = sets[i]![batch]!;
          await sum.add(
            pickTokens(inner, width, tokens),
            pickTokens(target, hidden, tokens),
            scales === null ? null : pickTokens(scales, 1, tokens),
          );
        }
      }
    },
  };
  await look([statistic]);
  const [own, others] = [sums, beside].map((all) =>
    all.map((sum) => momentsOf(sum, width, hidden)),
  );
  return { rows, sets: own!, others: others! };
}

function momentsOf(sums: TargetSums, width: number, hidden: number): TargetMoments {
  const { tokens, gram, cross, inputSum, targetSum, targetEnergy } = sums;
  return {
    ...{ tokens, inputSum, targetSum, targetEnergy },
    gram: matrixOf(gram, width, width),
    cross: matrixOf(cross, width, hidden),
  };
}

/** The norm between an output map and the stream. */
interface AfterNorm {
  /** What it multiplies by, [H]. */
  readonly gain: Float32Array;
  readonly epsilon: number;
}

function afterNorm(layer: LayerWeights, kind: SublayerKind): AfterNorm {
  const { gainOffset, epsilon } = layer.block[kind].norms.after!;
  const gain = layer[`${kind}AfterNorm`]!.gain.map((stored) => stored + gainOffset);
  return { gain, epsilon };
}

/** Share of the largest gain from which a channel counts as one that the norm lets through. */
const LEAST_GAIN = 1e-3;

/**
 * What an output map should make, given what a norm behind it should add to the stream.
 *
 * The norm keeps a token's direction and divides by its root mean square ρ, so that any multiple of
 * added / gain would do: the one of the present update's length is asked for, and the error of a token
 * counts as the norm passes it on, divided by ρ. Without that, tokens of huge updates (the first one,
 * above all) would decide the fit, though they add no more to the stream than others. A channel with
 * no gain to speak of keeps its present value.
 * @param added  what should be added to the stream, [N, H]
 * @param update  what the map makes at present, [N, H]
 * @returns  the map's target, [N, H], and 1/ρ of each token, [N]
 */
function targetBeforeNorm(
  added: Float32Array,
  update: Float32Array,
  { gain, epsilon }: AfterNorm,
): { readonly target: Float32Array; readonly scales: Float32Array } {
  const hidden = gain.length;
  const least = LEAST_GAIN * gain.reduce((most, one) => Math.max(most, Math.abs(one)), 0);
  const scales = new Float32Array(added.length / hidden).map((_, token) => {
    const energy = energyOf(update.subarray(token * hidden, (token + 1) * hidden));
    return 1 / Math.sqrt(energy / hidden + epsilon);
  });
  const target = added.map((value, i) => {
    const one = gain[i % hidden]!;
    const scale = scales[Math.floor(i / hidden)]!;
    return Math.abs(one) <= least ? update[i]! : value / one / scale;
  });
  return { target, scales };
}
