import type { RunSnapshot } from '../../src/dashboard/model/runSnapshot.ts';
import { searchCounts } from '../../src/dashboard/model/searchCounts.ts';
import { figureTitles } from '../../src/protocol/runWords.ts';
import { originTitles } from '../../src/protocol/runWords.ts';
import { heldOutOf, subnetRows, type SubnetRow } from '../data/subnetRows.ts';
import { el, icon, onChange, setText, show } from '../dom.ts';
import {
  formatBytes,
  formatCount,
  formatFine,
  formatLarge,
  formatMs,
  formatScore,
  shortKey,
  UNKNOWN,
} from '../format.ts';
import { firstRun } from '../store.ts';
import { createTable, type Column, type Table } from '../table/table.ts';
import { fitnessName, lowerFirst } from './fitnessName.ts';
import type { Page, View } from './view.ts';

/** Rows that change places ten times a second cannot be read, and cost a sort of thousands. */
const PAUSE_MS = 500;

/** The best subnets of the run, with all that is known of each. */
export function createSubnetsView(page: Page): View {
  const makeTable = (figure: string): Table<SubnetRow> =>
    createTable<SubnetRow>({
      label: 'Subnets, best first',
      key: ({ key }) => key,
      sorting: { column: 'fitness', descending: false },
      page: 12,
      columns: columnsFor(figure),
      onSelect: (row) => {
        page.choose({ subnet: row.key });
        page.announce(`Selected subnet ${shortKey(row.key)}.`);
      },
    });
  let table: Table<SubnetRow> | undefined;
  const count = el('span', { class: 'count' });
  const empty = el('p', {
    class: 'empty-words',
    text: 'The best subnets are shown here with their size, their search figure and, once evaluated, their perplexity on text the search never saw.',
  });
  const element = el(
    'section',
    { class: 'panel subnets', aria: { label: 'Subnets' } },
    el('div', { class: 'panel-head' }, el('h2', { text: 'Subnets, best first' }), count),
    empty,
  );
  let run: RunSnapshot | undefined;
  let selected: string | null = null;
  let drawnAt = -Infinity;
  let waiting: ReturnType<typeof setTimeout> | undefined;
  const draw = onChange(
    (model: RunSnapshot['model'], masks: RunSnapshot['masks'], selected: string | null) => {
      void [model, masks];
      if (run === undefined) return;
      const rows = subnetRows(run);
      show(empty, rows.length === 0);
      const figure = fitnessName(run);
      if (table === undefined) element.append((table = makeTable(figure)).element);
      show(table.element, rows.length > 0);
      const { judged } = searchCounts(run.model, run.head.config);
      const listed = run.model.candidates.length;
      const part = listed < judged ? `, ${formatCount(listed)} of them listed` : '';
      const words = `${formatCount(judged)} evaluated by ${lowerFirst(figure)}${part}`;
      setText(count, judged === 0 ? '' : words);
      table.update(rows, selected);
    },
  );
  return {
    element,
    update(state) {
      run = firstRun(state);
      if (run === undefined) return;
      const { subnet } = state.selection;
      const now = performance.now();
      if (subnet === selected && now - drawnAt < PAUSE_MS) {
        waiting ??= setTimeout(() => {
          waiting = undefined;
          page.again();
        }, PAUSE_MS);
        return;
      }
      [selected, drawnAt] = [subnet, now];
      draw(run.model, run.masks, subnet);
    },
    dispose() {
      clearTimeout(waiting);
    },
  };
}

function columnsFor(figure: string): readonly Column<SubnetRow>[] {
  return [
    named,
    {
      ...{ id: 'fitness', title: figure, figures: true },
      help: 'What the search compares subnets by, on its own windows of text. Lower is better.',
      value: ({ candidate }) => candidate?.fitness ?? null,
      cell: ({ candidate }) => (candidate === null ? UNKNOWN : formatFine(candidate.fitness)),
    },
    ...columns,
  ];
}

const named: Column<SubnetRow> = {
  ...{ id: 'name', title: 'Subnet', figures: false, names: true },
  value: ({ key }) => key,
  cell: nameCell,
};

const columns: readonly Column<SubnetRow>[] = [
  {
    ...{ id: 'heldout', title: 'Held-out perplexity', figures: true },
    help: 'Perplexity on text the search never saw. Evaluate computes it; of the best subnet the run does.',
    value: heldOutOf,
    cell: (row) => known(heldOutOf(row), formatScore),
  },
  {
    ...{ id: 'params', title: 'Block parameters', figures: true },
    help: 'Parameters of its blocks.',
    value: paramsOf,
    cell: (row) => known(paramsOf(row), formatLarge),
  },
  {
    ...{ id: 'bytes', title: 'Size', figures: true },
    help: 'Bytes of its weights on disk, once evaluated.',
    value: (row) => measured(row)?.bytes ?? null,
    cell: (row) => known(measured(row)?.bytes ?? null, formatBytes),
  },
  {
    ...{ id: 'prefill', title: 'Prefill', figures: true },
    help: 'Time of one prefill, once evaluated.',
    value: (row) => measured(row)?.prefillMs ?? null,
    cell: (row) => known(measured(row)?.prefillMs ?? null, formatMs),
  },
  {
    ...{ id: 'generation', title: 'Generation', figures: true },
    help: 'The generation it was born in.',
    value: ({ candidate }) => candidate?.generation ?? null,
    cell: ({ candidate }) => (candidate === null ? UNKNOWN : String(candidate.generation)),
  },
  {
    ...{ id: 'how', title: 'Made by', figures: false },
    value: ({ candidate }) => (candidate === null ? null : originTitles[candidate.how]),
    cell: ({ candidate }) => (candidate === null ? UNKNOWN : originTitles[candidate.how]),
  },
];

function nameCell({ key, names, exports, reformed }: SubnetRow): Node {
  const cell = el('span', { class: 'subnet-name' }, el('code', { text: shortKey(key) }));
  for (const name of names) cell.append(el('span', { class: 'tag', text: figureTitles[name] }));
  if (reformed !== null) cell.append(tagIcon('sparkle', 'reformed'));
  if (exports > 0) cell.append(tagIcon('package', 'exported'));
  return cell;
}

function tagIcon(name: string, word: string): HTMLElement {
  const sign = icon(name);
  sign.title = word;
  return el('span', { class: 'sign' }, sign, el('span', { class: 'spoken', text: word }));
}

function measured(row: SubnetRow): SubnetRow['figure'] {
  return row.reformed ?? row.figure;
}

function paramsOf(row: SubnetRow): number | null {
  return row.candidate?.params ?? measured(row)?.blockParams ?? null;
}

function known(value: number | null, format: (value: number) => string): string {
  return value === null ? UNKNOWN : format(value);
}
