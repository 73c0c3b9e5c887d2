import type { CompareRow } from '../../src/protocol/compareRow.ts';
import type { ComparisonTable } from '../../src/protocol/comparisonTable.ts';
import { formatCount, formatScore } from '../format.ts';

/** What a comparison prunes, in the order of its tables. */
export const methodScopes = ['mlp', 'all', 'structured'] as const;
/** One of them. */
export type MethodScope = (typeof methodScopes)[number];

/** Methods in the order in which tables and legends have them: ours at the end. */
const order = [
  ...[
    'dense',
    'random',
    'magnitude',
    'wanda',
    'wanda-sp',
    'sparsegpt',
    'dass',
    'flap',
    'influence',
  ],
  ...['depth', 'uniform-obc', 'slicegpt', 'paper, initialised', 'paper, searched', 'paper'],
  ...['ours', 'mix'],
];

/** Methods as tables and legends have them; unknown ones last, each once. */
export function inOrder(methods: readonly string[]): string[] {
  const place = (method: string): number =>
    (order.indexOf(method) + order.length + 1) % (order.length + 1);
  return [...new Set(methods)].sort((a, b) => place(a) - place(b));
}

/** Names a row among those of its comparison. */
export function rowKey({ scope, method, pattern, seed }: CompareRow): string {
  return [scope, method, pattern, seed].join('/');
}

/** Which rows are looked at. */
export interface RowFilter {
  /** Null for every scope. */
  readonly scope: MethodScope | null;
  /** Null for every pattern. */
  readonly pattern: string | null;
}

/** The rows of a comparison that pass a filter, without the dense model. */
export function filteredRows(table: ComparisonTable, { scope, pattern }: RowFilter): CompareRow[] {
  return table.rows.filter(
    (row) =>
      row.method !== 'dense' &&
      (scope === null || row.scope === scope) &&
      (pattern === null || row.pattern === pattern),
  );
}

/** Every pattern of a scope, those left out included; kept shares from most to least. */
export function patternsOf(table: ComparisonTable, scope: MethodScope | null): string[] {
  const named = [...table.rows, ...table.leftOut].filter(
    (one) => one.pattern !== 'dense' && (scope === null || one.scope === scope),
  );
  const [zeros, kept]: [Set<string>, Set<string>] = [new Set(), new Set()];
  for (const one of named) (one.scope === 'structured' ? kept : zeros).add(one.pattern);
  const share = (pattern: string): number => Number.parseFloat(pattern.replace(/^kept /, ''));
  return [...zeros, ...[...kept].sort((a, b) => share(b) - share(a))];
}

/**
 * The largest perplexity worth seeing on a linear axis: a few that are worse by orders of magnitude
 * must not flatten the rest.
 * @param perplexities  of the rows drawn; those that are infinite may be left out
 * @param low  the least of the axis
 * @returns null when the axis can hold them all
 */
export function readableTop(perplexities: readonly number[], low: number): number | null {
  const sorted = perplexities.filter(Number.isFinite).sort((a, b) => a - b);
  const most = sorted.at(-1);
  const usual = sorted[Math.floor((sorted.length - 1) * 0.8)];
  if (most === undefined || usual === undefined || !(usual > low)) return null;
  const span = usual - low;
  if (most - low <= 2.5 * span) return null;
  return sorted.findLast((perplexity) => perplexity <= low + 1.5 * span) ?? usual;
}

/** A perplexity by itself, with four digits: `2.938`, `1,022`; null: infinite. */
export function formatPerplexity(value: number | null): string {
  const known = value ?? Infinity;
  return known >= 999.5 && Number.isFinite(known) ? formatCount(known) : formatScore(known);
}

/**
 * A perplexity in a column, with as many digits behind the point as its neighbours.
 * @param dense  perplexity of the dense model, which says how fine differences are
 */
export function formatInColumn(value: number, dense: number): string {
  if (!(value < 999.5)) return formatPerplexity(value);
  return value.toFixed(value >= 100 || dense >= 100 ? 1 : dense < 10 ? 3 : 2);
}
