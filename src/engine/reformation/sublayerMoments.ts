import type { ForwardPass } from '../graphs/forwardPass.ts';
import { blockOf, OUTPUT_MAP } from '../model/block.ts';
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
}

/** What {@link gatherMoments} reads. */
export interface MomentsRequest extends Omit<SublayerInput, 'layer' | 'reads'> {
  /** The residual stream that the sublayer should produce, before a norm behind it, per batch. */
  readonly wanted: readonly Tensor[];
  /** Sets of tokens to be summed apart: per set and batch, the rows that are in it. */
  readonly sets: readonly (readonly TokenRows[])[];
}

/**
 * Sums the moments of a masked sublayer's output map over all batches.
 * @param look  runs the sublayer and shows statistics what flows through it
 * @throws EngineError `cancelled`
 */
export async function gatherMoments(
  forward: ForwardPass,
  request: MomentsRequest,
  look: (statistics: readonly Statistic[]) => Promise<void>,
): Promise<SublayerMoments> {
  const { index, kind, mask, states, wanted, sets } = request;
  const { hidden } = forward.shape;
  const rows = rowsOf(blockOf(forward.shape, index), OUTPUT_MAP[kind], mask);
  const width = rows.length;
  const sums = sets.map(() => new TargetSums(forward.moments, width, hidden));
  const statistic: Statistic = {
    async add({ inner, batch }) {
      const before = await forward.host(states[batch]!);
      const goal = await forward.host(wanted[batch]!);
      const target = goal.map((value, i) => value - (before[i] as number));
      for (const [i, sum] of sums.entries()) {
        const tokens = sets[i]![batch]!;
        await sum.add(pickTokens(inner, width, tokens), pickTokens(target, hidden, tokens));
      }
    },
  };
  await look([statistic]);
  return { rows, sets: sums.map((sum) => momentsOf(sum, width, hidden)) };
}

function momentsOf(sums: TargetSums, width: number, hidden: number): TargetMoments {
  const { tokens, gram, cross, inputSum, targetSum, targetEnergy } = sums;
  return {
    ...{ tokens, inputSum, targetSum, targetEnergy },
    gram: matrixOf(gram, width, width),
    cross: matrixOf(cross, width, hidden),
  };
}
