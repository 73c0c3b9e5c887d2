import type { CompareRow } from '../../protocol/compareRow.ts';
import type { RowName } from './comparisonRows.ts';

/**
 * How long the rest of a comparison will take: a row takes what rows of the same method took, or
 * else what rows of its scope, or else what any row took.
 */
export class ComparisonPace {
  readonly #took: { readonly name: RowName; readonly ms: number }[] = [];

  /** Takes note of a row. @param ms  all of its time, judging included */
  took(name: RowName, ms: number): void {
    this.#took.push({ name, ms });
  }

  /** Time that rows will take, ms; null before any row was made. */
  left(rows: readonly RowName[]): number | null {
    let sum = 0;
    for (const row of rows) {
      const ms = this.#guess(row);
      if (ms === null) return null;
      sum += ms;
    }
    return sum;
  }

  #guess(row: RowName): number | null {
    const { method, scope } = row;
    return (
      this.#mean((one) => one.method === method && one.scope === scope) ??
      this.#mean((one) => one.scope === scope && one.method !== 'dense') ??
      this.#mean(() => true)
    );
  }

  #mean(counts: (name: RowName) => boolean): number | null {
    const times = this.#took.filter(({ name }) => counts(name)).map(({ ms }) => ms);
    if (times.length === 0) return null;
    return times.reduce((sum, ms) => sum + ms, 0) / times.length;
  }
}

/** What a row that was made before tells of its time: judging is not in it. */
export function earlierMs({ seconds }: Pick<CompareRow, 'seconds'>): number {
  return 1000 * seconds;
}
