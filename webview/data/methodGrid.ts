import type { CompareRow } from '../../src/protocol/compareRow.ts';
import type { ComparisonTable } from '../../src/protocol/comparisonTable.ts';
import { inOrder, methodScopes, patternsOf, type MethodScope } from './methodRows.ts';

/** A cell of a table of methods: its row, why there is none, or neither while it is to come. */
export type GridCell =
  | { readonly kind: 'row'; readonly row: CompareRow; readonly best: boolean }
  | { readonly kind: 'leftOut'; readonly why: string }
  | { readonly kind: 'none' };

/** A line of a table of methods. */
export interface GridLine {
  readonly method: string;
  /** In the order of the grid's patterns. */
  readonly cells: readonly GridCell[];
  /** Mean time of its rows, seconds; null before the first. */
  readonly seconds: number | null;
}

/** Methods × patterns of one scope. */
export interface MethodGrid {
  readonly scope: MethodScope;
  readonly patterns: readonly string[];
  readonly lines: readonly GridLine[];
}

/** A reason to leave something out, and what it was. */
export interface LeftOut {
  readonly method: string;
  readonly patterns: readonly string[];
  readonly scopes: readonly MethodScope[];
  readonly why: string;
}

/** The tables of a comparison, as papers have them; scopes without a row are left out. */
export function methodGrids(table: ComparisonTable): MethodGrid[] {
  return methodScopes.flatMap((scope) => {
    const grid = gridOf(table, scope);
    return grid.lines.length === 0 ? [] : [grid];
  });
}

/** What was left out, one entry for each method and reason. */
export function leftOutNotes({ leftOut }: ComparisonTable): LeftOut[] {
  const notes = new Map<
    string,
    { method: string; patterns: string[]; scopes: MethodScope[]; why: string }
  >();
  for (const { method, pattern, scope, why } of leftOut) {
    const key = `${method}\n${why}`;
    const note = notes.get(key) ?? { method, patterns: [], scopes: [], why };
    notes.set(key, note);
    if (!note.patterns.includes(pattern)) note.patterns.push(pattern);
    if (!note.scopes.includes(scope)) note.scopes.push(scope);
  }
  return [...notes.values()];
}

function gridOf(table: ComparisonTable, scope: MethodScope): MethodGrid {
  const rows = table.rows.filter((row) => row.scope === scope && row.method !== 'dense');
  const leftOut = table.leftOut.filter((one) => one.scope === scope);
  const patterns = patternsOf({ ...table, rows, leftOut }, scope);
  const best = new Map(patterns.map((pattern) => [pattern, bestOf(rows, pattern)]));
  const lines = inOrder([...rows, ...leftOut].map(({ method }) => method)).map((method) => {
    const own = rows.filter((row) => row.method === method);
    const cells = patterns.map((pattern): GridCell => {
      const row = own.find((one) => one.pattern === pattern);
      if (row !== undefined) {
        return { kind: 'row', row, best: row.perplexity === best.get(pattern) };
      }
      const why = leftOut.find((one) => one.method === method && one.pattern === pattern)?.why;
      return why === undefined ? { kind: 'none' } : { kind: 'leftOut', why };
    });
    const seconds = own.reduce((sum, row) => sum + row.seconds, 0) / own.length;
    return { method, cells, seconds: own.length === 0 ? null : seconds };
  });
  return { scope, patterns, lines };
}

/** The lowest perplexity of a column; null while there is nothing to be better than. */
function bestOf(rows: readonly CompareRow[], pattern: string): number | null {
  const found = rows
    .filter((row) => row.pattern === pattern)
    .flatMap(({ perplexity }) => perplexity ?? []);
  return new Set(found).size > 1 ? Math.min(...found) : null;
}

/** Who is best in how many columns. */
export interface Wins {
  /** Columns that have a best. */
  readonly columns: number;
  /** Methods with the most columns; several that are level. */
  readonly methods: readonly string[];
  readonly wins: number;
}

/** Counts the columns of all tables in which a method is best; null before any has a best. */
export function winsOf(grids: readonly MethodGrid[]): Wins | null {
  const wins = new Map<string, number>();
  let columns = 0;
  for (const { patterns, lines } of grids) {
    patterns.forEach((_, at) => {
      const best = lines.filter(({ cells }) => isBest(cells[at]));
      if (best.length > 0) columns++;
      for (const { method } of best) wins.set(method, (wins.get(method) ?? 0) + 1);
    });
  }
  if (columns === 0) return null;
  const most = Math.max(...wins.values());
  const methods = [...wins].filter(([, count]) => count === most).map(([method]) => method);
  return { columns, methods, wins: most };
}

function isBest(cell: GridCell | undefined): boolean {
  return cell?.kind === 'row' && cell.best;
}
