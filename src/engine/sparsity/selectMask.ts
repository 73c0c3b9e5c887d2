import { assertFits, type Pattern } from './pattern.ts';
import { type KeySource, type Threshold, thresholdOf } from './radixThreshold.ts';
import { type ScoredWeight, scoreKeys, scoreRegion } from './scoredWeight.ts';
import { emptyMask, setRow, type WeightMask } from './weightMask.ts';

/** Weights that compete for their place: those of a row, of a column or of the whole matrix. */
export type Group = 'row' | 'column' | 'matrix';

/** A pattern that is a share of zeros. */
export type SharePattern = Extract<Pattern, { kind: 'unstructured' }>;

/** Columns looked at together, so that a row of them fills a line of the cache. */
const TILE = 32;

/**
 * The mask that drops the lowest share of every group: ⌊share · size⌋ weights of each. Of equal
 * scores the lower index stays.
 *
 * Selects in time proportional to the weights, without sorting, in one row's, 32 columns' or, for a
 * whole matrix, one row's memory beside the mask.
 * @throws EngineError `config` for a share of nothing or everything, `numeric` when a score is not finite
 */
export function selectMask(from: ScoredWeight, pattern: SharePattern, group: Group): WeightMask {
  assertFits(pattern, from.columns, from.what);
  if (group === 'row') return byRow(from, pattern.fraction);
  return group === 'column' ? byColumn(from, pattern.fraction) : byMatrix(from, pattern.fraction);
}

/** How many of `size` competitors stay when a share is dropped. */
export function keptOf(size: number, fraction: number): number {
  // The billionth absorbs rounding such as 0.3 · 10 = 2.999…
  return size - Math.floor(size * fraction + 1e-9);
}

function byRow(from: ScoredWeight, fraction: number): WeightMask {
  const { rows, columns } = from;
  const mask = emptyMask(rows, columns);
  const keep = keptOf(columns, fraction);
  const flags = new Uint8Array(columns);
  eachRow(from, (keys, row) => {
    const { key, ties } = thresholdOf((show) => {
      show(keys, columns);
    }, keep);
    markRow(keys, flags, key, ties);
    setRow(mask, row, flags);
  });
  return mask;
}

function byColumn(from: ScoredWeight, fraction: number): WeightMask {
  const { rows, columns } = from;
  const mask = emptyMask(rows, columns);
  const thresholds = columnThresholds(from, keptOf(rows, fraction));
  const lowest = Int32Array.from(thresholds, ({ key }) => key);
  const ties = Int32Array.from(thresholds, (threshold) => threshold.ties);
  const flags = new Uint8Array(columns);
  eachRow(from, (keys, row) => {
    for (let c = 0; c < columns; c++) {
      const over = keys[c]! - lowest[c]!;
      flags[c] = over > 0 || (over === 0 && ties[c]!-- > 0) ? 1 : 0;
    }
    setRow(mask, row, flags);
  });
  return mask;
}

function columnThresholds(from: ScoredWeight, keep: number): Threshold[] {
  const { rows, columns } = from;
  const found: Threshold[] = [];
  const room = scoreKeys(TILE * rows);
  const lane = new Int32Array(rows);
  for (let column = 0; column < columns; column += TILE) {
    const width = Math.min(TILE, columns - column);
    scoreRegion(from, { row: 0, rows, column, columns: width }, room);
    for (let c = 0; c < width; c++) {
      for (let row = 0; row < rows; row++) lane[row] = room.keys[row * width + c]!;
      found.push(
        thresholdOf((show) => {
          show(lane, rows);
        }, keep),
      );
    }
  }
  return found;
}

function byMatrix(from: ScoredWeight, fraction: number): WeightMask {
  const { rows, columns } = from;
  const mask = emptyMask(rows, columns);
  const flags = new Uint8Array(columns);
  const source: KeySource = (show) => {
    eachRow(from, (keys) => {
      show(keys, columns);
    });
  };
  const { key, ties } = thresholdOf(source, keptOf(rows * columns, fraction));
  let left = ties;
  eachRow(from, (keys, row) => {
    left = markRow(keys, flags, key, left);
    setRow(mask, row, flags);
  });
  return mask;
}

function eachRow(from: ScoredWeight, visit: (keys: Int32Array, row: number) => void): void {
  const { rows, columns } = from;
  const room = scoreKeys(columns);
  for (let row = 0; row < rows; row++) {
    scoreRegion(from, { row, rows: 1, column: 0, columns }, room);
    visit(room.keys, row);
  }
}

/** Flags the keys above a threshold and the first few equal to it; returns how many are left to come. */
function markRow(keys: Int32Array, flags: Uint8Array, key: number, ties: number): number {
  let left = ties;
  for (let c = 0; c < flags.length; c++) {
    const over = keys[c]! - key;
    flags[c] = over > 0 || (over === 0 && left-- > 0) ? 1 : 0;
  }
  return Math.max(0, left);
}
