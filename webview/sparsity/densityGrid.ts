import type { CanvasTheme } from '../draw/canvasTheme.ts';
import { contrast, css, type Rgb } from '../draw/colour.ts';
import { ramp, rgbOf, type RampName } from '../draw/ramps.ts';
import { count, percent } from '../draw/ticks.ts';
import { el, onChange, setAttribute, setText } from '../dom.ts';
import {
  blockValue,
  valueOf,
  type Colouring,
  type Densities,
  type WeightCell,
} from './densities.ts';
import { errorWords, mapHelp } from './mapWords.ts';

/** What a grid shows. */
export interface GridScene {
  readonly densities: Densities;
  readonly by: Colouring;
  readonly palette: RampName;
  readonly theme: CanvasTheme;
  readonly selected: WeightCell | null;
}

/** What a grid tells. */
export interface GridEvents {
  /** The sentence about what is under the pointer or the focus; null when there is none. */
  readonly onText: (text: string | null, spoken: boolean) => void;
  /** Enter or a click on a weight that has zeros. */
  readonly onSelect: (cell: WeightCell) => void;
}

/** Blocks by maps as coloured cells with their values. */
export interface DensityGrid {
  readonly element: HTMLElement;
  show(scene: GridScene): void;
}

interface Row {
  readonly element: HTMLTableRowElement;
  /** One per map, and the mean of the block. */
  readonly cells: readonly HTMLTableCellElement[];
}

/** Blocks from which on rows are lower, then too low for words. */
const HEIGHTS = [
  [64, 'lowest'],
  [44, 'low'],
  [20, 'close'],
] as const;

/** Makes the grid. */
export function createDensityGrid(events: GridEvents): DensityGrid {
  const head = el('tr');
  const body = el('tbody');
  const table = el('table', { class: 'density', role: 'grid' }, el('thead', {}, head), body);
  const element = el('div', { class: 'density-frame' }, table);
  let scene: GridScene | null = null;
  let rows: readonly Row[] = [];
  let stop = { row: 0, column: 0 };

  const build = onChange((blocks: number, maps: string) => {
    const names = maps === '' ? [] : maps.split(' ');
    stop = { row: 0, column: 0 };
    head.replaceChildren(
      el('th', { text: 'Block', attributes: { scope: 'col' } }),
      ...names.map((name) =>
        el('th', {
          text: name,
          title: mapHelp[name as keyof typeof mapHelp],
          attributes: { scope: 'col' },
        }),
      ),
      el('th', { class: 'density-mean', text: 'all', attributes: { scope: 'col' } }),
    );
    rows = Array.from({ length: blocks }, (_, block) => rowOf(block, names.length));
    body.replaceChildren(...rows.map((row) => row.element));
    const height = HEIGHTS.find(([from]) => blocks >= from)?.[1] ?? '';
    table.className = `density ${height}`;
  });
  let colours: readonly Rgb[] = [];
  const takePalette = onChange((palette: RampName) => {
    colours = Array.from(ramp(palette), rgbOf);
  });

  for (const kind of ['pointerover', 'focusin'] as const) {
    table.addEventListener(kind, (event) => {
      const place = placeOf(event.target);
      events.onText(place && sentence(place), kind === 'focusin');
    });
  }
  table.addEventListener('pointerleave', () => {
    events.onText(null, false);
  });
  table.addEventListener('focusout', () => {
    events.onText(null, false);
  });
  table.addEventListener('click', (event) => {
    const place = placeOf(event.target);
    if (place !== null) select(place);
  });
  table.addEventListener('keydown', onKey);

  return {
    element,
    show(next) {
      scene = next;
      const { densities, by, palette, selected } = next;
      const { blocks, maps } = densities;
      takePalette(palette);
      build(blocks, maps.join(' '));
      setAttribute(
        table,
        'aria-label',
        by === 'kept' ? 'Share of weights kept' : 'Error left by reforming',
      );
      rows.forEach((row, block) => {
        maps.forEach((_, at) => {
          const cell = densities.cells[block * maps.length + at] ?? null;
          const chosen = cell !== null && same(cell, selected);
          fill(row.cells[at]!, valueOf(cell, by), colours);
          setAttribute(row.cells[at]!, 'aria-selected', String(chosen));
        });
        fill(row.cells[maps.length]!, blockValue(densities, block, by), colours);
      });
      keepOneStop();
    },
  };

  function onKey(event: KeyboardEvent): void {
    const place = placeOf(event.target);
    if (place === null || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      select(place);
      return;
    }
    const { row, column } = place;
    const last = (rows[0]?.cells.length ?? 1) - 1;
    const moves: Record<string, { row: number; column: number }> = {
      ArrowLeft: { row, column: column - 1 },
      ArrowRight: { row, column: column + 1 },
      ArrowUp: { row: row - 1, column },
      ArrowDown: { row: row + 1, column },
      Home: { row, column: 0 },
      End: { row, column: last },
      PageUp: { row: row - 8, column },
      PageDown: { row: row + 8, column },
    };
    const to = moves[event.key];
    if (to === undefined) return;
    event.preventDefault();
    stop = {
      row: Math.max(0, Math.min(rows.length - 1, to.row)),
      column: Math.max(0, Math.min(last, to.column)),
    };
    keepOneStop();
    rows[stop.row]?.cells[stop.column]?.focus();
  }

  /** One cell can be reached by Tab, the others by arrows from there. */
  function keepOneStop(): void {
    rows.forEach((row, r) => {
      row.cells.forEach((cell, c) => {
        const tabIndex = r === stop.row && c === stop.column ? 0 : -1;
        if (cell.tabIndex !== tabIndex) cell.tabIndex = tabIndex;
      });
    });
  }

  function select({ row, column }: { row: number; column: number }): void {
    if (scene === null) return;
    stop = { row, column };
    keepOneStop();
    const { cells, maps } = scene.densities;
    const cell = column < maps.length ? cells[row * maps.length + column] : null;
    if (cell !== null && cell !== undefined) events.onSelect(cell);
  }

  function placeOf(target: EventTarget | null): { row: number; column: number } | null {
    const cell = target instanceof Element ? target.closest('td') : null;
    if (cell === null) return null;
    const row = rows.findIndex(({ element: line }) => line === cell.parentElement);
    const column = rows[row]?.cells.findIndex((one) => one === cell) ?? -1;
    return column < 0 ? null : { row, column };
  }

  function sentence({ row, column }: { row: number; column: number }): string {
    if (scene === null) return '';
    const { densities, by } = scene;
    const { maps, cells } = densities;
    const map = maps[column];
    if (map === undefined) {
      const value = blockValue(densities, row, by);
      const what = by === 'kept' ? 'of its sparse weights kept' : 'of the error left, on average';
      return `Block ${row}: ${value === null ? 'no zeros yet' : `${percent(value)} ${what}`}`;
    }
    const cell = cells[row * maps.length + column] ?? null;
    return `Block ${row}, ${map} (${mapHelp[map]}): ${cell === null ? 'no zeros yet' : factsOf(cell)}`;
  }
}

function factsOf({ kept, size, found }: WeightCell): string {
  const facts = [`${count(kept)} of ${count(size)} weights kept (${percent(kept / size)})`];
  const error = found?.error ?? null;
  if (error !== null) {
    const { before, after } = error;
    facts.push(`error ${errorWords(before)} when cut, ${errorWords(after)} after reforming`);
  }
  return facts.join(', ');
}

function rowOf(block: number, maps: number): Row {
  const cells = Array.from({ length: maps + 1 }, (_, at) =>
    el('td', { class: at === maps ? 'density-mean' : '', role: 'gridcell', tabIndex: -1 }),
  );
  const label = el('th', { text: String(block), attributes: { scope: 'row' } });
  if (block % 10 === 0) label.className = 'tenth';
  return { element: el('tr', {}, label, ...cells), cells };
}

/** Writes and colours a cell, touching the page only where it differs. */
function fill(cell: HTMLTableCellElement, value: number | null, colours: readonly Rgb[]): void {
  setText(cell, value === null ? '' : percent(value));
  const colour = value === null ? null : colourOf(value, colours);
  const background = colour === null ? '' : css(colour);
  if (cell.dataset['colour'] === background) return;
  cell.dataset['colour'] = background;
  cell.style.backgroundColor = background;
  cell.style.color = colour === null ? '' : css(inkOn(colour));
}

function colourOf(value: number, colours: readonly Rgb[]): Rgb {
  return colours[Math.max(0, Math.min(255, Math.round(value * 255)))]!;
}

function inkOn(colour: Rgb): Rgb {
  const [black, white]: readonly [Rgb, Rgb] = [
    [0, 0, 0],
    [255, 255, 255],
  ];
  return contrast(colour, black) >= contrast(colour, white) ? black : white;
}

function same(one: WeightCell, other: WeightCell | null): boolean {
  return one.block === other?.block && one.map === other.map;
}
