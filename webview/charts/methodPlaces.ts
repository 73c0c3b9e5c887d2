import type { CompareRow } from '../../src/protocol/compareRow.ts';
import { perplexityValue } from '../../src/protocol/perplexity.ts';
import type { Point } from '../data/fitnessSeries.ts';

/** The plane of a plot in CSS pixels. */
export interface Plane {
  readonly left: number;
  readonly top: number;
  readonly xOf: (kept: number) => number;
  readonly yOf: (perplexity: number) => number;
  /** Ends of the axes. */
  readonly xMin: number;
  readonly xMax: number;
  readonly yMin: number;
  readonly yMax: number;
  /** Puts what lies above the frame at its edge, instead of leaving it out. */
  readonly clamped: boolean;
}

/** Where everything of a plot of methods is, in CSS pixels. */
export interface MethodLayout {
  /** Of each row; null when it is out of sight. */
  readonly places: readonly (Point | null)[];
  /** Where lines lead for each row, also beyond the frame. */
  readonly ends: readonly Point[];
  /** Rows of one method and scope, from left to right. */
  readonly series: readonly (readonly number[])[];
  /** Rows above the frame, those at one share together, from the least perplexity. */
  readonly above: readonly (readonly number[])[];
}

/** CSS pixels below the frame at which points are that lie above it. */
const EDGE = 16;
/** Most CSS pixels between such points at one share. */
const APART = 12;

/** Lays out rows, each exactly at the share that it keeps. */
export function layOutMethods(rows: readonly CompareRow[], plane: Plane): MethodLayout {
  const ends = rows.map(({ nonzeroFraction, perplexity }) => ({
    x: plane.xOf(nonzeroFraction),
    y: plane.yOf(perplexityValue(perplexity)),
  }));
  const above = aboveOf(rows, ends, plane);
  const places = rows.map((row, at): Point | null =>
    isInside(row, plane) && perplexityValue(row.perplexity) <= plane.yMax ? ends[at]! : null,
  );
  const apart = apartOf(above, ends);
  for (const group of above) {
    group.forEach((index, at) => {
      const x = ends[index]!.x + apart * (at - (group.length - 1) / 2);
      places[index] = { x: Math.max(plane.left + 6, x), y: plane.top + EDGE };
    });
  }
  return { places, ends, above, series: seriesOf(rows, ends) };
}

function aboveOf(
  rows: readonly CompareRow[],
  ends: readonly Point[],
  plane: Plane,
): readonly (readonly number[])[] {
  if (!plane.clamped) return [];
  const groups: number[][] = [];
  const over = rows.flatMap((row, index) =>
    isInside(row, plane) && !(perplexityValue(row.perplexity) <= plane.yMax) ? [index] : [],
  );
  over.sort((a, b) => ends[a]!.x - ends[b]!.x);
  for (const index of over) {
    const last = groups.at(-1);
    if (last !== undefined && ends[index]!.x - ends[last[0]!]!.x < APART) last.push(index);
    else groups.push([index]);
  }
  const valueOf = (index: number): number => perplexityValue(rows[index]!.perplexity);
  for (const group of groups) group.sort((a, b) => byValue(valueOf(a), valueOf(b)));
  return groups;
}

/** Two infinite values are equal, though their difference is no number. */
function byValue(a: number, b: number): number {
  return a === b ? 0 : a - b;
}

/** Pixels between points above the frame, so that no group reaches into the next. */
function apartOf(groups: readonly (readonly number[])[], ends: readonly Point[]): number {
  const room = groups.slice(1).map((group, at) => {
    const before = groups[at]!;
    return (2 * (ends[group[0]!]!.x - ends[before[0]!]!.x)) / (group.length + before.length + 1);
  });
  return Math.max(4, Math.min(APART, ...room));
}

/** True for a row in the frame or above it. */
function isInside({ nonzeroFraction, perplexity }: CompareRow, plane: Plane): boolean {
  const { xMin, xMax, yMin } = plane;
  const room = 1e-9;
  return (
    nonzeroFraction >= xMin - room &&
    nonzeroFraction <= xMax + room &&
    !(perplexityValue(perplexity) < yMin)
  );
}

function seriesOf(
  rows: readonly CompareRow[],
  ends: readonly Point[],
): readonly (readonly number[])[] {
  const series = new Map<string, number[]>();
  rows.forEach(({ scope, method }, index) => {
    const key = `${scope}/${method}`;
    const known = series.get(key);
    if (known === undefined) series.set(key, [index]);
    else known.push(index);
  });
  for (const indices of series.values()) indices.sort((a, b) => ends[a]!.x - ends[b]!.x);
  return [...series.values()];
}
