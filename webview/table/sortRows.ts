/** What a cell is sorted by; null when it is not known. */
export type SortValue = number | string | null;

/** By which column rows are sorted. */
export interface Sorting {
  readonly column: string;
  readonly descending: boolean;
}

/**
 * Rows in order of a value: unknown values last in either direction, equal ones as they came.
 * @returns a new array
 */
export function sortRows<R>(
  rows: readonly R[],
  value: (row: R) => SortValue,
  descending: boolean,
): R[] {
  const keyed = rows.map((row, at) => ({ row, at, value: value(row) }));
  const sign = descending ? -1 : 1;
  keyed.sort((a, b) => {
    const [left, right] = [known(a.value), known(b.value)];
    if (left === null || right === null) {
      return Number(left === null) - Number(right === null) || a.at - b.at;
    }
    return sign * compare(left, right) || a.at - b.at;
  });
  return keyed.map(({ row }) => row);
}

function known(value: SortValue): number | string | null {
  return typeof value === 'number' && !Number.isFinite(value) ? null : value;
}

function compare(a: number | string, b: number | string): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return String(a).localeCompare(String(b));
}
