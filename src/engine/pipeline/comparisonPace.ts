import type { CompareRow } from '../../protocol/compareRow.ts';
import type { RowName } from './comparisonRows.ts';

/**
 * How long the rest of a comparison will take: a row takes what rows of the same method took, or
 * else what rows of its scope, or else what any row took. Rows that were found tell only what their
 * method takes from nothing, so those that were seen being made are believed before them.
 */
export class ComparisonPace {
  readonly #took: { readonly name: RowName; readonly ms: number; readonly isSeen: boolean }[] = [];

  /** Takes note of a row that was made just now. @param ms  all of its time, judging included */
  made(name: RowName, ms: number): void {
    this.#took.push({ name, ms, isSeen: true });
  }

  /** Takes note of a row that was made before. */
  found(row: CompareRow): void {
    this.#took.push({ name: row, ms: 1000 * row.seconds, isSeen: false });
  }

  /** Time that rows will take, ms; null before any row is known. */
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
    const all = this.#took.filter(({ name }) => counts(name));
    const seen = all.filter(({ isSeen }) => isSeen);
    const best = seen.length > 0 ? seen : all;
    if (best.length === 0) return null;
    return best.reduce((sum, { ms }) => sum + ms, 0) / best.length;
  }
}
