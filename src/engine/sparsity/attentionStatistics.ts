import type { Runner } from '../graphs/runner.ts';
import {
  type Flow,
  InputSums,
  inputWidths,
  pickTokens,
  type Statistic,
  type SublayerInput,
} from '../passes/statistics.ts';
import type { InputMoments, StatisticsWish, SublayerStatistics } from './sublayerStatistics.ts';

/** Statistics in the making. */
export interface Collecting {
  /** To be shown what flows. */
  readonly statistics: readonly Statistic[];
  /** What was collected. */
  result(): SublayerStatistics;
}

/**
 * Collects statistics of a block's attention inputs and of what enters o. Channels of o's input are
 * those the mask keeps, in the order of the sliced weight.
 */
export function attentionStatistics(
  forward: Runner,
  at: Pick<SublayerInput, 'index' | 'kind' | 'mask'>,
  { gram, sets }: Pick<StatisticsWish, 'gram' | 'sets'>,
): Collecting {
  const { moments } = forward;
  const widths = inputWidths(forward.shape, at);
  const wanted = { squares: true, gram };
  const normed = new InputSums(moments, widths.normed, wanted);
  const inner = new InputSums(moments, widths.inner, wanted);
  const ofSets = sets.map(() => new InputSums(moments, widths.normed, { gram: true }));
  return {
    statistics: [
      { add: (flow) => normed.add(flow.normed) },
      { add: (flow) => inner.add(flow.inner) },
      ...ofSets.map((sums, i) => ({
        add: (flow: Flow) => sums.add(pickTokens(flow.normed, sums.width, sets[i]![flow.batch]!)),
      })),
    ],
    result: () => ({
      tokens: normed.tokens,
      normed: momentsOf(normed, gram),
      inner: momentsOf(inner, gram),
      normedSets: ofSets.map((sums) => sums.gram),
      sensitivity: null,
    }),
  };
}

function momentsOf(sums: InputSums, gram: boolean): InputMoments {
  return { squares: sums.squares, gram: gram ? sums.gram : null };
}
