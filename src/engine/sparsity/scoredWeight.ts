import { EngineError } from '../../protocol/errors.ts';

/** The dimension along which weights compete: within a row, or within a column. */
export type Axis = 'columns' | 'rows';

/**
 * A weight and what its entries are worth: |W| times one factor per row and one per column.
 *
 * All scores of one-shot sparsity have this form, so no score matrix is ever stored. The factor
 * that all competitors of a group share changes nothing inside the group.
 */
export interface ScoredWeight {
  /** Names the weight in an error, e.g. `block 3, down_proj`. */
  readonly what: string;
  /** [rows, columns], row-major; read only */
  readonly weight: Float32Array;
  readonly rows: number;
  readonly columns: number;
  /** [rows]; null for ones */
  readonly rowFactor: Float32Array | null;
  /** [columns]; null for ones */
  readonly columnFactor: Float32Array | null;
}

/**
 * A float32's bits as an integer order non-negative numbers as the numbers do, and integers are
 * compared without a branch. This is the first pattern that is infinite or not a number.
 */
const NOT_FINITE = 0x7f800000;

/** A rectangle of a weight. */
export interface Region {
  readonly row: number;
  readonly rows: number;
  readonly column: number;
  readonly columns: number;
}

/**
 * Scores of a rectangle as ordered integers: larger is more worth keeping.
 * @param out  receives them, [region.rows · region.columns]
 * @throws EngineError `numeric` when a score is not finite
 */
export function scoreRegion(from: ScoredWeight, region: Region, out: ScoreKeys): void {
  const { weight, rowFactor, columnFactor } = from;
  const { scores, keys } = out;
  const { columns, column } = region;
  for (let r = 0; r < region.rows; r++) {
    const row = region.row + r;
    const at = row * from.columns + column;
    const to = r * columns;
    const factor = rowFactor === null ? 1 : rowFactor[row]!;
    // Two loops, because a test inside one would run for every weight.
    if (columnFactor === null) {
      for (let c = 0; c < columns; c++) scores[to + c] = Math.abs(weight[at + c]!) * factor;
    } else {
      for (let c = 0; c < columns; c++) {
        scores[to + c] = Math.abs(weight[at + c]!) * columnFactor[column + c]! * factor;
      }
    }
  }
  let largest = 0;
  for (let i = 0; i < region.rows * columns; i++) largest = Math.max(largest, keys[i]!);
  if (largest >= NOT_FINITE) throw notFinite(from, region.row);
}

/** Room for scores and, over the same memory, their integer keys. */
export interface ScoreKeys {
  readonly scores: Float32Array;
  readonly keys: Int32Array;
}

/** Room for `length` scores. */
export function scoreKeys(length: number): ScoreKeys {
  const scores = new Float32Array(length);
  return { scores, keys: new Int32Array(scores.buffer) };
}

function notFinite({ what }: ScoredWeight, row: number): EngineError {
  return new EngineError('numeric', {
    what,
    expected: 'finite scores',
    found: `NaN or infinity in row ${row} or the rows after it`,
    action: 'Check the weights and the calibration text: the activations overflow.',
    sentence: `The scores of ${what} are not finite numbers in row ${row} or the rows after it.`,
  });
}
