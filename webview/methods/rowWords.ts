import type { CompareRow } from '../../src/protocol/compareRow.ts';
import { perplexityValue } from '../../src/protocol/perplexity.ts';
import { methodTitle, scopeTitles } from '../../src/dashboard/model/comparisonText.ts';
import { formatPerplexity } from '../data/methodRows.ts';
import { formatChange, formatCount, formatShare, formatSpent } from '../format.ts';

/** Name of a row for people. */
export function titleOf({ method, pattern, scope }: CompareRow): string {
  if (method === 'dense') return methodTitle(method);
  return `${methodTitle(method)} ${pattern}`.concat(
    scope === 'structured' ? '' : `, ${scopeTitles[scope]}`,
  );
}

/** Figures of a row, with their names. @param dense  what it is measured against, once known */
export function figuresOf(
  row: CompareRow,
  dense: CompareRow | undefined,
): readonly (readonly [label: string, value: string])[] {
  const change = changeOf(row, dense);
  return [
    ['Perplexity', formatPerplexity(row.perplexity)],
    ...(change === '' ? [] : [['Against dense', change] as const]),
    ['Kept', formatShare(row.nonzeroFraction)],
    ['Not zero', formatCount(row.params)],
    ['Time', formatSpent(row.seconds * 1000)],
  ];
}

/** By how much a row is worse than the dense one; empty when that cannot be said. */
export function changeOf(row: CompareRow, dense: CompareRow | undefined): string {
  if (dense === undefined) return '';
  return formatChange(perplexityValue(dense.perplexity), perplexityValue(row.perplexity));
}

/** What a screen reader is told of a row. */
export function spokenRow(row: CompareRow, dense: CompareRow | undefined): string {
  const change = changeOf(row, dense);
  const words = `perplexity ${formatPerplexity(row.perplexity)}${change === '' ? '' : `, ${change}`}`;
  return `${titleOf(row)}: ${words}, keeps ${formatShare(row.nonzeroFraction)}.`;
}
