import { count, percent } from '../draw/ticks.ts';
import { bitOf, countWithin, type BitPlane } from '../heatmap/planeMips.ts';
import type { PlaneGroups } from '../heatmap/planePaint.ts';
import type { PlaneSpot } from '../heatmap/planeView.ts';

/** A sentence about a place of a weight: one weight, or those that stand under one mark. */
export function spotWords(
  plane: BitPlane,
  { row, column, cells }: PlaneSpot,
  groups: PlaneGroups,
): string {
  if (cells > 1) {
    // Those under a mark stand around it, so that its middle is what is pointed at.
    const from = (cell: number): number => Math.max(0, cell - (cells >> 1));
    const rect = { row: from(row), column: from(column), rows: cells, columns: cells };
    const { set, of } = countWithin(plane, rect);
    const range = (start: number, most: number): string =>
      `${count(start)} to ${count(Math.min(most, start + cells) - 1)}`;
    const [rows, columns] = [range(rect.row, plane.rows), range(rect.column, plane.columns)];
    return `Rows ${rows}, columns ${columns}: ${percent(of === 0 ? 0 : set / of)} kept`;
  }
  const name = `Row ${count(row)}, column ${count(column)}`;
  const state = bitOf(plane, row, column) ? 'kept' : 'removed';
  if (groups.size === 0) return `${name}: ${state}`;
  const { set, of } = groupAt(plane, row, column, groups);
  return `${name}: ${state}; its group keeps ${set} of ${of}`;
}

/** The group of a weight, and how many of it are kept. */
export function groupAt(
  plane: BitPlane,
  row: number,
  column: number,
  { size, along }: PlaneGroups,
): { readonly set: number; readonly of: number } {
  const start = (cell: number): number => cell - (cell % size);
  return along === 'inputs'
    ? countWithin(plane, { row, column: start(column), rows: 1, columns: size })
    : countWithin(plane, { row: start(row), column, rows: size, columns: 1 });
}
