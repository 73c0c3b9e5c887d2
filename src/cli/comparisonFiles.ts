import type { CompareRow } from '../protocol/compareRow.ts';
import type { ComparisonTable } from '../protocol/comparisonTable.ts';
import { comparisonGrids, denseOf } from './comparisonGrid.ts';
import { gridTitles, keptText, leftOutReasons } from './comparisonText.ts';
import { formatFitness } from './units.ts';

/** Fields of a row, in the order of `--csv`. */
const FIELDS = [
  ...(['method', 'pattern', 'scope', 'seed'] as const),
  ...(['perplexity', 'nonzeroFraction', 'params', 'seconds'] as const),
] satisfies readonly (keyof CompareRow)[];

/** The rows of a comparison as comma-separated values with a line of names (RFC 4180). */
export function comparisonCsv({ rows }: ComparisonTable): string {
  const lines = [[...FIELDS], ...rows.map((row) => FIELDS.map((field) => String(row[field])))];
  return lines.map((cells) => `${cells.map(cellOf).join(',')}\r\n`).join('');
}

/** A comparison as Markdown: a table for each scope, the best figure of each column bold. */
export function comparisonMarkdown(table: ComparisonTable): string {
  const dense = denseOf(table)?.perplexity;
  const parts = comparisonGrids(table).map((grid) => {
    const rows = [
      ...(dense === undefined ? [] : [['dense', ...grid.patterns.map(() => formatFitness(dense))]]),
      ...grid.methods.map(({ method, cells }) => [
        method,
        ...cells.map((cell) => {
          if (cell === undefined) return '-';
          const text = formatFitness(cell.perplexity);
          return cell.isBest ? `**${text}**` : text;
        }),
      ]),
      ['kept', ...grid.kept.map(keptText)],
    ];
    const lines = [['method', ...grid.patterns], grid.patterns.map(() => '---:'), ...rows];
    lines[1]!.unshift('---');
    return `${gridTitles[grid.scope]}:\n\n${lines.map((cells) => `| ${cells.join(' | ')} |\n`).join('')}`;
  });
  const left = leftOutReasons(table).map(({ rows, why }) => `- ${rows.join('; ')}: ${why}\n`);
  return [...parts, ...(left.length === 0 ? [] : [`Left out:\n\n${left.join('')}`])].join('\n');
}

function cellOf(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
