import type { CompareRow } from '../../src/protocol/compareRow.ts';
import { perplexityValue } from '../../src/protocol/perplexity.ts';
import type { GridCell, GridLine, MethodGrid } from '../data/methodGrid.ts';
import { methodTitle, scopeTitles } from '../../src/dashboard/model/comparisonText.ts';
import { formatInColumn } from '../data/methodRows.ts';
import { el, icon } from '../dom.ts';
import { formatChange, formatSpent, UNKNOWN } from '../format.ts';
import { createTable, type Column } from '../table/table.ts';

/** The table of one scope. */
export interface GridTable {
  readonly element: HTMLElement;
  /** Shows a grid of the same patterns. */
  update(grid: MethodGrid, dense: CompareRow | undefined): void;
}

interface Line extends GridLine {
  readonly dense: number | null;
  /** Most time of any method of the table, seconds. */
  readonly longest: number;
}

/** Makes the table of a grid's patterns. */
export function createGridTable({ scope, patterns }: MethodGrid): GridTable {
  const columns: readonly Column<Line>[] = [
    {
      ...{ id: 'method', title: 'Method', figures: false, names: true },
      value: ({ method }) => methodTitle(method),
      cell: ({ method }) => methodTitle(method),
    },
    ...patterns.map((pattern, at): Column<Line> => ({
      ...{ id: pattern, title: pattern, figures: true },
      value: ({ cells }) => perplexityOf(cells[at]),
      cell: (line) => nodeOf(line.cells[at], line.dense),
    })),
    {
      ...{ id: 'time', title: 'Time', figures: true },
      help: 'Mean time the method took for a pattern, without evaluation',
      value: ({ seconds }) => seconds,
      cell: timeOf,
    },
  ];
  const table = createTable<Line>({
    label: `Held-out perplexity: ${scopeTitles[scope]}`,
    ...{ columns, key: ({ method }) => method, sorting: null, page: 50 },
  });
  return {
    element: table.element,
    update({ lines }, dense) {
      const longest = Math.max(0, ...lines.map(({ seconds }) => seconds ?? 0));
      const from = dense?.perplexity ?? null;
      table.update(lines.map((line) => ({ ...line, dense: from, longest })));
    },
  };
}

function perplexityOf(cell: GridCell | undefined): number | null {
  return cell?.kind === 'row' ? perplexityValue(cell.row.perplexity) : null;
}

function nodeOf(cell: GridCell | undefined, dense: number | null): Node {
  if (cell === undefined || cell.kind === 'none') {
    return el('span', { class: 'method-none quiet', text: UNKNOWN, title: 'Not measured yet' });
  }
  if (cell.kind === 'leftOut') {
    return el(
      'span',
      { class: 'method-none left-out quiet', tabIndex: 0, data: { why: cell.why } },
      icon('circle-slash'),
      el('span', { class: 'spoken', text: `Left out: ${cell.why}` }),
    );
  }
  const perplexity = perplexityValue(cell.row.perplexity);
  return el(
    'span',
    { class: cell.best ? 'method-cell best' : 'method-cell' },
    el(
      'span',
      { class: 'method-value' },
      cell.best && icon('star-full'),
      cell.best && el('span', { class: 'spoken', text: 'best: ' }),
      formatInColumn(perplexity, dense ?? perplexity),
    ),
    el('span', {
      class: 'method-change quiet',
      text: dense === null ? '' : formatChange(dense, perplexity),
    }),
  );
}

function timeOf({ seconds, longest }: Line): Node {
  if (seconds === null) return el('span', { class: 'quiet', text: UNKNOWN });
  const fill = el('span', { class: 'bar-fill' });
  fill.style.width = `${longest > 0 ? (100 * seconds) / longest : 0}%`;
  return el(
    'span',
    { class: 'method-time' },
    el('span', { text: formatSpent(seconds * 1000) }),
    el('span', { class: 'bar', aria: { hidden: 'true' } }, fill),
  );
}
