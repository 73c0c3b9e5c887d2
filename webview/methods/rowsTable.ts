import type { CompareRow } from '../../src/protocol/compareRow.ts';
import { perplexityValue } from '../../src/protocol/perplexity.ts';
import { methodTitle, scopeTitles } from '../../src/dashboard/model/comparisonText.ts';
import { formatPerplexity, rowKey } from '../data/methodRows.ts';
import { el } from '../dom.ts';
import { formatShare, formatSpent } from '../format.ts';
import { createTable } from '../table/table.ts';
import { changeOf } from './rowWords.ts';

interface Row {
  readonly row: CompareRow;
  readonly change: string;
}

/** Every row of a comparison: the plot as a table. */
export function createRowsTable(): {
  readonly element: HTMLElement;
  update(rows: readonly CompareRow[], dense: CompareRow | undefined): void;
} {
  const table = createTable<Row>({
    ...{ label: 'Rows of the comparison', page: 50, sorting: null },
    key: ({ row }) => rowKey(row),
    columns: [
      {
        ...{ id: 'method', title: 'Method', figures: false },
        value: ({ row }) => methodTitle(row.method),
        cell: ({ row }) => methodTitle(row.method),
      },
      {
        ...{ id: 'scope', title: 'Pruned', figures: false },
        value: ({ row }) => scopeTitles[row.scope],
        cell: ({ row }) => scopeTitles[row.scope],
      },
      {
        ...{ id: 'pattern', title: 'Pattern', figures: false },
        value: ({ row }) => row.pattern,
        cell: ({ row }) => row.pattern,
      },
      {
        ...{ id: 'kept', title: 'Kept', figures: true },
        value: ({ row }) => row.nonzeroFraction,
        cell: ({ row }) => formatShare(row.nonzeroFraction),
      },
      {
        ...{ id: 'perplexity', title: 'Perplexity', figures: true },
        value: ({ row }) => perplexityValue(row.perplexity),
        cell: ({ row }) => formatPerplexity(row.perplexity),
      },
      {
        ...{ id: 'change', title: 'Against dense', figures: true },
        value: ({ row }) => perplexityValue(row.perplexity),
        cell: ({ change }) => change,
      },
      {
        ...{ id: 'seconds', title: 'Time', figures: true },
        value: ({ row }) => row.seconds,
        cell: ({ row }) => formatSpent(row.seconds * 1000),
      },
    ],
  });
  return {
    element: el('div', { class: 'twin' }, table.element),
    update(rows, dense) {
      const all = dense === undefined ? rows : [dense, ...rows];
      table.update(all.map((row) => ({ row, change: row === dense ? '' : changeOf(row, dense) })));
    },
  };
}
