import { compareScopes, type CompareRow } from '../protocol/compareRow.ts';
import type { ComparisonTable } from '../protocol/comparisonTable.ts';
import { perplexityValue } from '../protocol/perplexity.ts';

/** The rows of one scope as a grid: methods down, patterns across. */
export interface ComparisonGrid {
  readonly scope: CompareRow['scope'];
  /** Without what the scope says already: `90%` of `kept 90%`. */
  readonly patterns: readonly string[];
  readonly methods: readonly GridRow[];
  /** Share of the dense model that is left, for each pattern: the least and the most. */
  readonly kept: readonly (readonly [number, number])[];
}

/** One method of a grid. */
export interface GridRow {
  readonly method: string;
  /** One for each pattern; undefined where the method was left out. */
  readonly cells: readonly (GridCell | undefined)[];
}

/** A figure and whether no other method of its column has a lower one. */
export interface GridCell {
  /** Null: infinite. */
  readonly perplexity: number | null;
  readonly isBest: boolean;
}

/** A grid for each scope that has rows, in the order of the table. */
export function comparisonGrids(table: ComparisonTable): ComparisonGrid[] {
  return compareScopes.flatMap((scope) => {
    const rows = table.rows.filter((row) => row.scope === scope && row.method !== 'dense');
    return rows.length === 0 ? [] : [gridOf(scope, rows)];
  });
}

function gridOf(scope: CompareRow['scope'], rows: readonly CompareRow[]): ComparisonGrid {
  const patterns = [...new Set(rows.map(({ pattern }) => pattern))];
  const columns = patterns.map((pattern) => rows.filter((row) => row.pattern === pattern));
  const best = columns.map((column) =>
    Math.min(...column.map(({ perplexity }) => perplexityValue(perplexity))),
  );
  const methods = [...new Set(rows.map(({ method }) => method))].map((method) => ({
    method,
    cells: columns.map((column, i): GridCell | undefined => {
      const row = column.find((one) => one.method === method);
      if (row === undefined) return undefined;
      return { perplexity: row.perplexity, isBest: perplexityValue(row.perplexity) === best[i] };
    }),
  }));
  return {
    scope,
    patterns: patterns.map((pattern) => pattern.replace(/^kept /, '')),
    methods,
    kept: columns.map((column) => {
      const shares = column.map(({ nonzeroFraction }) => nonzeroFraction);
      return [Math.min(...shares), Math.max(...shares)] as const;
    }),
  };
}
