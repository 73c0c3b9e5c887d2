import { createButton } from '../controls/button.ts';
import { el, setAttribute, setText, show } from '../dom.ts';
import { createLegend, type LegendEntry } from './legend.ts';

/** What is around a plot. */
export interface PlotFrameOptions {
  /** What the plot shows. */
  readonly title: string;
  /** Controls over the plot, left of the table switch. */
  readonly controls: readonly Node[];
  /** How it is worked with; shown below it. */
  readonly hint: string;
  readonly onTable: (shown: boolean) => void;
  /** The table twin. */
  readonly table: HTMLElement;
}

/** Title, controls, plot, legend and table twin. */
export interface PlotFrame {
  readonly element: HTMLElement;
  /** Takes the focus and the pointer for the plot. */
  readonly frame: HTMLElement;
  readonly canvas: HTMLCanvasElement;
  /** What a screen reader is told of the picture. */
  describe(summary: string): void;
  legend(entries: readonly LegendEntry[]): void;
  /** A quiet line under the plot. */
  note(text: string): void;
  showTable(shown: boolean): void;
  /** Shows these words instead of a plot without points; null shows the plot. */
  empty(words: string | null): void;
}

/** Makes it. */
export function createPlotFrame(options: PlotFrameOptions): PlotFrame {
  const canvas = el('canvas', { role: 'img', aria: { label: options.title } });
  const readout = el('p', { class: 'empty-words plot-empty', hidden: true });
  const frame = el(
    'div',
    {
      class: 'plot',
      role: 'group',
      tabIndex: 0,
      aria: { label: `${options.title} ${options.hint}` },
    },
    canvas,
  );
  const legend = createLegend();
  const note = el('p', { class: 'note' });
  let tableShown = false;
  const toggle = createButton({
    label: 'Show as table',
    icon: 'table',
    look: 'icon',
    onPress: () => {
      options.onTable(!tableShown);
    },
  });
  const picture = el('div', { class: 'plot-side' }, frame, legend.element, note);
  const element = el(
    'section',
    { class: 'panel' },
    el(
      'div',
      { class: 'panel-head' },
      el('h2', { text: options.title }),
      el('div', { class: 'tools' }, ...options.controls, toggle.element),
    ),
    readout,
    picture,
    options.table,
  );
  setAttribute(element, 'aria-label', options.title);
  const refresh = (): void => {
    const empty = readout.textContent !== '';
    show(readout, empty);
    show(picture, !tableShown && !empty);
    show(options.table, tableShown && !empty);
  };
  refresh();
  return {
    element,
    frame,
    canvas,
    describe(summary) {
      setAttribute(canvas, 'aria-label', summary);
    },
    legend: (entries) => {
      legend.update(entries);
    },
    note(text) {
      setText(note, text === '' ? options.hint : `${text} ${options.hint}`);
    },
    showTable(shown) {
      tableShown = shown;
      toggle.press(shown);
      refresh();
    },
    empty(words) {
      setText(readout, words ?? '');
      refresh();
    },
  };
}
