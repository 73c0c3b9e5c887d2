import type { CompareRow } from '../../src/protocol/compareRow.ts';

/** Rows with zeros that keep the same share: they stand side by side, a lane for each pattern. */
export interface Column {
  /** The share they keep. */
  readonly kept: number;
  /** Patterns in their order, each a lane. */
  readonly patterns: readonly string[];
}

/** Shares closer than this are one column: what does not divide leaves a few weights more. */
const SAME = 0.01;

/** The columns of rows with zeros, from the least share. @param patterns  in their order */
export function columnsOf(rows: readonly CompareRow[], patterns: readonly string[]): Column[] {
  const sparse = rows
    .filter(({ scope }) => scope !== 'structured')
    .sort((a, b) => a.nonzeroFraction - b.nonzeroFraction);
  const groups: CompareRow[][] = [];
  for (const row of sparse) {
    const last = groups.at(-1);
    const isSame = last !== undefined && row.nonzeroFraction - last[0]!.nonzeroFraction <= SAME;
    if (isSame) last.push(row);
    else groups.push([row]);
  }
  return groups.map((group) => ({
    kept: group.reduce((sum, { nonzeroFraction }) => sum + nonzeroFraction, 0) / group.length,
    patterns: patterns.filter((one) => group.some(({ pattern }) => pattern === one)),
  }));
}

/** The column a row stands in; undefined for rows without lanes. */
export function columnOf(columns: readonly Column[], row: CompareRow): Column | undefined {
  if (row.scope === 'structured') return undefined;
  return columns.find(({ kept }) => Math.abs(kept - row.nonzeroFraction) <= SAME);
}
