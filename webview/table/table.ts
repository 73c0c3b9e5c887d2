import { el, icon, setAttribute, setChildren, setText, show } from '../dom.ts';
import { formatCount } from '../format.ts';
import { createScrollFrame } from './scrollFrame.ts';
import { sortRows, type Sorting, type SortValue } from './sortRows.ts';

/** A column of a table. */
export interface Column<R> {
  readonly id: string;
  readonly title: string;
  /** Said when the title is hovered. */
  readonly help?: string;
  /** Figures stand right, words left. */
  readonly figures: boolean;
  readonly value: (row: R) => SortValue;
  /** What is shown; figures carry their units. */
  readonly cell: (row: R) => string | Node;
  /** Names the row: its cells are read before the others of a row. */
  readonly names?: boolean;
}

/** What a table is. */
export interface TableOptions<R> {
  /** Says what it holds; for screen readers. */
  readonly label: string;
  readonly columns: readonly Column<R>[];
  readonly key: (row: R) => string;
  /** Null keeps the rows as they come. */
  readonly sorting: Sorting | null;
  /** Rows shown at first, and added by each press of "Show more". */
  readonly page: number;
  /** Makes rows selectable. */
  readonly onSelect?: (row: R) => void;
}

/** A table on the page. */
export interface Table<R> {
  readonly element: HTMLElement;
  /** Shows these rows. @param selected  key of the selected row */
  update(rows: readonly R[], selected?: string | null): void;
}

/** Makes a table that can be sorted, and walked and selected in by keys. */
export function createTable<R>(options: TableOptions<R>): Table<R> {
  const selectable = options.onSelect !== undefined;
  const body = el('tbody');
  const head = el('tr');
  const table = el(
    'table',
    { class: 'table', aria: { label: options.label }, ...(selectable ? { role: 'grid' } : {}) },
    el('thead', {}, head),
    body,
  );
  const more = el('button', { class: 'link', attributes: { type: 'button' }, hidden: true });
  const element = el(
    'div',
    { class: 'table-frame' },
    createScrollFrame(table, options.label),
    more,
  );
  const lines = new Map<string, Line<R>>();
  let rows: readonly R[] = [];
  let selected: string | null = null;
  let { sorting } = options;
  let shown = options.page;
  const headers = options.columns.map((column) => headerOf(column, sortBy));
  head.append(...headers);

  function sortBy(column: Column<R>): void {
    const again = sorting?.column === column.id;
    sorting = { column: column.id, descending: again ? !sorting!.descending : false };
    draw();
  }

  function draw(): void {
    const column = options.columns.find(({ id }) => id === sorting?.column);
    const sorted =
      column === undefined || sorting === null
        ? rows
        : sortRows(rows, column.value, sorting.descending);
    options.columns.forEach(({ id }, at) => {
      markSorting(headers[at]!, sorting?.column === id ? sorting : null);
    });
    const visible = sorted.slice(0, shown);
    const keys = new Set(visible.map((row) => options.key(row)));
    for (const key of lines.keys()) if (!keys.has(key)) lines.delete(key);
    const drawn = visible.map((row) => lineOf(row));
    setChildren(
      body,
      drawn.map(({ element: line }) => line),
    );
    if (selectable) keepOneStop(body, selected);
    show(more, sorted.length > shown);
    setText(more, `Show more (${formatCount(sorted.length - shown)} left)`);
  }

  function lineOf(row: R): Line<R> {
    const key = options.key(row);
    let line = lines.get(key);
    if (line === undefined) lines.set(key, (line = createLine(options.columns, key)));
    line.row = row;
    options.columns.forEach((column, at) => {
      fill(line.cells[at]!, column.cell(row));
    });
    if (selectable) setAttribute(line.element, 'aria-selected', String(key === selected));
    return line;
  }

  function select(key: string | undefined): void {
    const line = key === undefined ? undefined : lines.get(key);
    if (line !== undefined) options.onSelect?.(line.row as R);
  }

  more.addEventListener('click', () => {
    shown += options.page;
    draw();
  });
  if (selectable) listenForSelection(body, select);
  return {
    element,
    update(newRows, newSelected = null) {
      rows = newRows;
      selected = newSelected;
      draw();
    },
  };
}

interface Line<R> {
  readonly element: HTMLTableRowElement;
  readonly cells: readonly HTMLTableCellElement[];
  row: R | undefined;
}

function createLine<R>(columns: readonly Column<R>[], key: string): Line<R> {
  const cells = columns.map((column) =>
    column.names === true
      ? el('th', { class: classOf(column), attributes: { scope: 'row' } })
      : el('td', { class: classOf(column) }),
  );
  return { element: el('tr', { data: { key } }, ...cells), cells, row: undefined };
}

function fill(cell: HTMLTableCellElement, content: string | Node): void {
  if (typeof content === 'string') setText(cell, content);
  else if (cell.firstChild === null || !cell.firstChild.isEqualNode(content)) {
    cell.replaceChildren(content);
  }
}

function headerOf<R>(column: Column<R>, sortBy: (column: Column<R>) => void): HTMLElement {
  const button = el(
    'button',
    { class: 'sort', attributes: { type: 'button' }, title: column.help ?? '' },
    el('span', { text: column.title }),
    icon('chevron-up'),
  );
  button.addEventListener('click', () => {
    sortBy(column);
  });
  return el('th', { class: classOf(column), attributes: { scope: 'col' } }, button);
}

function markSorting(header: HTMLElement, sorting: Sorting | null): void {
  const order = sorting?.descending === true ? 'descending' : 'ascending';
  setAttribute(header, 'aria-sort', sorting === null ? 'none' : order);
}

function classOf<R>(column: Column<R>): string {
  return column.figures ? 'figures' : 'words';
}

/** One row can be reached by Tab, the others by arrows from there. */
function keepOneStop(body: HTMLElement, selected: string | null): void {
  const rows = [...body.children] as HTMLElement[];
  const focused = rows.find((row) => row === document.activeElement);
  const stop = focused ?? rows.find((row) => row.dataset['key'] === selected) ?? rows[0];
  for (const row of rows) row.tabIndex = row === stop ? 0 : -1;
}

function listenForSelection(body: HTMLElement, select: (key: string | undefined) => void): void {
  const rowOf = (target: EventTarget | null): HTMLElement | null =>
    target instanceof Element ? target.closest<HTMLElement>('tr') : null;
  body.addEventListener('click', (event) => {
    if (event.target instanceof Element && event.target.closest('button, a') !== null) return;
    select(rowOf(event.target)?.dataset['key']);
  });
  body.addEventListener('keydown', (event) => {
    const row = rowOf(event.target);
    if (row === null) return;
    const rows = [...body.children] as HTMLElement[];
    const at = rows.indexOf(row);
    const moves: Record<string, number> = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      Home: 0,
      End: rows.length - 1,
    };
    const to = moves[event.key];
    if (to !== undefined) {
      const next = rows[Math.max(0, Math.min(rows.length - 1, to))]!;
      row.tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
    } else if (event.key === 'Enter' || event.key === ' ') {
      select(row.dataset['key']);
    } else return;
    event.preventDefault();
  });
}
