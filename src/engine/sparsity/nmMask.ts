import { assertFits, type Pattern, type Remainder } from './pattern.ts';
import {
  type Axis,
  type ScoredWeight,
  type ScoreKeys,
  scoreKeys,
  scoreRegion,
} from './scoredWeight.ts';
import { emptyMask, setRow, type WeightMask } from './weightMask.ts';

/** An N:M pattern. */
export type NmPattern = Extract<Pattern, { kind: 'nm' }>;

/**
 * The mask that keeps the n best of every m neighbours. Of equal scores the lower index stays, so
 * the mask is the same on every machine.
 *
 * Works on m rows at a time, in m · columns entries of memory beside the mask.
 * @param axis  `columns`: groups are neighbours in a row; `rows`: neighbours in a column
 * @param remainder  of a dimension that m does not divide; padded, its last group is short
 * @throws EngineError `config` when m does not divide the compared dimension and must, `numeric`
 *   when a score is not finite
 */
export function nmMask(
  from: ScoredWeight,
  pattern: NmPattern,
  axis: Axis,
  remainder: Remainder = 'refused',
): WeightMask {
  const { rows, columns, what } = from;
  assertFits(pattern, axis === 'columns' ? columns : rows, what, remainder);
  const { n, m } = pattern;
  const mask = emptyMask(rows, columns);
  const panel = axis === 'columns' ? 1 : m;
  const room = scoreKeys(panel * columns);
  const flags = new Uint8Array(panel * columns);
  for (let row = 0; row < rows; row += panel) {
    const height = Math.min(panel, rows - row);
    scoreRegion(from, { row, rows: height, column: 0, columns }, room);
    if (axis === 'columns') markLine(room, flags, { n, m, length: columns });
    else markGroups(room, flags, { n, m: height, groups: columns, step: columns, stride: 1 });
    for (let r = 0; r < height; r++) setRow(mask, row + r, flags, r * columns);
  }
  return mask;
}

/** Flags the groups of one row; the last one may be short. */
function markLine(
  room: ScoreKeys,
  flags: Uint8Array,
  { n, m, length }: { readonly n: number; readonly m: number; readonly length: number },
): void {
  const groups = Math.floor(length / m);
  markGroups(room, flags, { n, m, groups, step: 1, stride: m });
  const from = groups * m;
  if (from === length) return;
  const rest = { scores: room.scores.subarray(from), keys: room.keys.subarray(from) };
  markGroups(rest, flags.subarray(from), { n, m: length - from, groups: 1, step: 1, stride: m });
}

/** How the groups of a panel lie: `groups` of them, `stride` apart, members `step` apart. */
export interface GroupLayout {
  readonly n: number;
  readonly m: number;
  readonly groups: number;
  readonly step: number;
  readonly stride: number;
}

/**
 * Flags the n best members of every group, all of a group that has no more: 1 where kept.
 * @param keys  of all members, none negative
 * @param flags  receives 0 or 1 where the member's key is
 */
export function markGroups({ keys }: ScoreKeys, flags: Uint8Array, layout: GroupLayout): void {
  if (layout.m === 4) markFours(keys, flags, layout);
  else if (layout.m === 8) markEights(keys, flags, layout);
  else markAny(keys, flags, layout);
}

/**
 * Places are counted instead of sorted: member i starts behind the i members of lower index and is
 * moved up past each that is smaller. `(a - b) >>> 31` is 1 when a < b: keys are below 2³¹, so the
 * difference cannot overflow.
 */
function markFours(keys: Int32Array, flags: Uint8Array, layout: GroupLayout): void {
  const { n, groups, step, stride } = layout;
  for (let g = 0, at = 0; g < groups; g++, at += stride) {
    const a = keys[at]!;
    const b = keys[at + step]!;
    const c = keys[at + 2 * step]!;
    const d = keys[at + 3 * step]!;
    const ab = (a - b) >>> 31;
    const ac = (a - c) >>> 31;
    const ad = (a - d) >>> 31;
    const bc = (b - c) >>> 31;
    const bd = (b - d) >>> 31;
    const cd = (c - d) >>> 31;
    flags[at] = (ab + ac + ad - n) >>> 31;
    flags[at + step] = (1 - ab + bc + bd - n) >>> 31;
    flags[at + 2 * step] = (2 - ac - bc + cd - n) >>> 31;
    flags[at + 3 * step] = (3 - ad - bd - cd - n) >>> 31;
  }
}

/** As {@link markFours}, written out for eight: a loop over them takes twice the time. */
function markEights(keys: Int32Array, flags: Uint8Array, layout: GroupLayout): void {
  const { n, groups, step, stride } = layout;
  for (let g = 0, at = 0; g < groups; g++, at += stride) {
    const x0 = keys[at]!;
    const x1 = keys[at + step]!;
    const x2 = keys[at + 2 * step]!;
    const x3 = keys[at + 3 * step]!;
    const x4 = keys[at + 4 * step]!;
    const x5 = keys[at + 5 * step]!;
    const x6 = keys[at + 6 * step]!;
    const x7 = keys[at + 7 * step]!;
    const s01 = (x0 - x1) >>> 31;
    const s02 = (x0 - x2) >>> 31;
    const s03 = (x0 - x3) >>> 31;
    const s04 = (x0 - x4) >>> 31;
    const s05 = (x0 - x5) >>> 31;
    const s06 = (x0 - x6) >>> 31;
    const s07 = (x0 - x7) >>> 31;
    const s12 = (x1 - x2) >>> 31;
    const s13 = (x1 - x3) >>> 31;
    const s14 = (x1 - x4) >>> 31;
    const s15 = (x1 - x5) >>> 31;
    const s16 = (x1 - x6) >>> 31;
    const s17 = (x1 - x7) >>> 31;
    const s23 = (x2 - x3) >>> 31;
    const s24 = (x2 - x4) >>> 31;
    const s25 = (x2 - x5) >>> 31;
    const s26 = (x2 - x6) >>> 31;
    const s27 = (x2 - x7) >>> 31;
    const s34 = (x3 - x4) >>> 31;
    const s35 = (x3 - x5) >>> 31;
    const s36 = (x3 - x6) >>> 31;
    const s37 = (x3 - x7) >>> 31;
    const s45 = (x4 - x5) >>> 31;
    const s46 = (x4 - x6) >>> 31;
    const s47 = (x4 - x7) >>> 31;
    const s56 = (x5 - x6) >>> 31;
    const s57 = (x5 - x7) >>> 31;
    const s67 = (x6 - x7) >>> 31;
    flags[at] = (s01 + s02 + s03 + s04 + s05 + s06 + s07 - n) >>> 31;
    flags[at + step] = (1 - s01 + s12 + s13 + s14 + s15 + s16 + s17 - n) >>> 31;
    flags[at + 2 * step] = (2 - s02 - s12 + s23 + s24 + s25 + s26 + s27 - n) >>> 31;
    flags[at + 3 * step] = (3 - s03 - s13 - s23 + s34 + s35 + s36 + s37 - n) >>> 31;
    flags[at + 4 * step] = (4 - s04 - s14 - s24 - s34 + s45 + s46 + s47 - n) >>> 31;
    flags[at + 5 * step] = (5 - s05 - s15 - s25 - s35 - s45 + s56 + s57 - n) >>> 31;
    flags[at + 6 * step] = (6 - s06 - s16 - s26 - s36 - s46 - s56 + s67 - n) >>> 31;
    flags[at + 7 * step] = (7 - s07 - s17 - s27 - s37 - s47 - s57 - s67 - n) >>> 31;
  }
}

/** Any m: the place of each member counted in the same way, m²/2 comparisons per group. */
function markAny(keys: Int32Array, flags: Uint8Array, layout: GroupLayout): void {
  const { n, m, groups, step, stride } = layout;
  const places = new Int32Array(m);
  const group = new Int32Array(m);
  for (let g = 0, at = 0; g < groups; g++, at += stride) {
    for (let i = 0; i < m; i++) group[i] = keys[at + i * step]!;
    for (let i = 0; i < m; i++) places[i] = i;
    for (let i = 0; i < m; i++) {
      const key = group[i]!;
      let place = places[i]!;
      for (let j = i + 1; j < m; j++) {
        const behind = (key - group[j]!) >>> 31;
        place += behind;
        places[j]! -= behind;
      }
      flags[at + i * step] = (place - n) >>> 31;
    }
  }
}
