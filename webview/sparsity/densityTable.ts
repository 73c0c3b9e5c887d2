import { count, percent } from '../draw/ticks.ts';
import { createTable, type Table } from '../table/table.ts';
import type { WeightCell } from './densities.ts';
import { mapOrder } from '../data/mapOrder.ts';
import { errorWords } from './mapWords.ts';

/** The grid of densities as a table; selecting a row selects its weight. */
export function createDensityTable(onSelect: (cell: WeightCell) => void): Table<WeightCell> {
  return createTable<WeightCell>({
    label: 'Share of weights kept',
    page: 70,
    sorting: null,
    key: weightKey,
    onSelect,
    columns: [
      {
        ...{ id: 'block', title: 'Block', figures: true },
        value: ({ block }) => block,
        cell: ({ block }) => String(block),
      },
      {
        ...{ id: 'map', title: 'Map', figures: false },
        value: ({ map }) => mapOrder.indexOf(map),
        cell: ({ map }) => map,
      },
      {
        ...{ id: 'share', title: 'Share kept', figures: true },
        value: ({ kept, size }) => kept / size,
        cell: ({ kept, size }) => (size === 0 ? '–' : percent(kept / size)),
      },
      {
        ...{ id: 'kept', title: 'Weights kept', figures: true },
        value: ({ kept }) => kept,
        cell: ({ kept }) => count(kept),
      },
      {
        ...{ id: 'size', title: 'Outputs × inputs', figures: true },
        value: ({ size }) => size,
        cell: ({ size, found }) =>
          found === null ? count(size) : `${count(found.rows)} × ${count(found.columns)}`,
      },
      {
        ...{ id: 'before', title: 'Error when cut', figures: true },
        value: ({ found }) => found?.error?.before ?? null,
        cell: ({ found }) => errorOf(found?.error?.before),
      },
      {
        ...{ id: 'after', title: 'Error after reforming', figures: true },
        value: ({ found }) => found?.error?.after ?? null,
        cell: ({ found }) => errorOf(found?.error?.after),
      },
    ],
  });
}

/** Names a weight of a run. */
export function weightKey({ block, map }: Pick<WeightCell, 'block' | 'map'>): string {
  return `${block} ${map}`;
}

function errorOf(share: number | undefined): string {
  return share === undefined ? '–' : errorWords(share);
}
