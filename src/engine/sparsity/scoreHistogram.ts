import { scoreKeys, type ScoredWeight, scoreRegion } from './scoredWeight.ts';
import { isKept, type WeightMask } from './weightMask.ts';

/** How many weights of a map have which score, and which of them stay. */
export interface ScoreHistogram {
  /** Logarithm (base 10) of the smallest score that is not zero; 0 when all are. */
  readonly from: number;
  /** The same of the largest. */
  readonly to: number;
  /** Weights that stay, by bin. */
  readonly kept: readonly number[];
  /** Weights that become zero, by bin. */
  readonly removed: readonly number[];
}

/** Bins of a histogram. */
export const SCORE_BINS = 64;

/**
 * The histogram of the scores that chose a mask, in bins of equal width between the logarithms of
 * the least and the largest score. Scores of zero are in the first bin.
 *
 * Two passes over the weight, a row in memory.
 * @throws EngineError `numeric` when a score is not finite
 */
export function scoreHistogram(from: ScoredWeight, mask: WeightMask): ScoreHistogram {
  const [kept, removed] = [new Uint32Array(SCORE_BINS), new Uint32Array(SCORE_BINS)];
  let [least, largest] = [Infinity, 0];
  eachRow(from, (scores) => {
    for (let c = 0; c < from.columns; c++) {
      const score = scores[c]!;
      if (score > largest) largest = score;
      if (score > 0 && score < least) least = score;
    }
  });
  const [low, high] = largest > 0 ? [Math.log10(least), Math.log10(largest)] : [0, 0];
  const scale = high > low ? SCORE_BINS / (high - low) : 0;
  eachRow(from, (scores, row) => {
    for (let c = 0; c < from.columns; c++) {
      const score = scores[c]!;
      // The largest score ends the last bin.
      const place = score > 0 ? Math.floor((Math.log10(score) - low) * scale) : 0;
      const bin = Math.min(SCORE_BINS - 1, place);
      if (isKept(mask, row, c)) kept[bin]!++;
      else removed[bin]!++;
    }
  });
  return { from: low, to: high, kept: [...kept], removed: [...removed] };
}

function eachRow(from: ScoredWeight, visit: (scores: Float32Array, row: number) => void): void {
  const { rows, columns } = from;
  const room = scoreKeys(columns);
  for (let row = 0; row < rows; row++) {
    scoreRegion(from, { row, rows: 1, column: 0, columns }, room);
    visit(room.scores, row);
  }
}
