import { perplexityValue } from '../../src/protocol/perplexity.ts';
import { lastFigure } from '../../src/dashboard/model/lastFigure.ts';
import type { RunSnapshot } from '../../src/dashboard/model/runSnapshot.ts';
import type { ReformVerdicts } from '../../src/protocol/reformVerdict.ts';
import { verdictText } from '../../src/protocol/verdictText.ts';
import type { Figure } from '../../src/protocol/runRecord.ts';
import { figureNames, figureTitles, type FigureName } from '../../src/protocol/runWords.ts';
import { speedAgainstDense, type TimedStep } from '../../src/protocol/speedChange.ts';
import { isOfLevels } from '../../src/dashboard/model/runPlan.ts';
import { figureHelp } from '../data/quality.ts';
import { speedText, spreadText, timingNote } from '../data/speedText.ts';
import { el, onChange, setText } from '../dom.ts';
import {
  formatBytes,
  formatChange,
  formatCount,
  formatMs,
  formatScore,
  UNKNOWN,
} from '../format.ts';
import { firstRun } from '../store.ts';
import { createScrollFrame } from '../table/scrollFrame.ts';
import type { View } from './view.ts';

/** Title of the figure that only compares on the same text and windows. */
export const PERPLEXITY = 'Held-out perplexity';

/** What is evaluated of each model. */
export const measures: readonly {
  readonly title: string;
  readonly help: string;
  readonly of: (figure: Figure) => number | null;
  readonly format: (value: number) => string;
  /** Of a time: which; its differences are judged by the spread of its rounds. */
  readonly step?: TimedStep;
}[] = [
  {
    ...{ title: PERPLEXITY, format: formatScore },
    help: 'On text neither calibration nor the search has seen. Lower is better.',
    of: (figure) => perplexityValue(figure.perplexity),
  },
  {
    ...{ title: 'Parameters', format: formatCount },
    help: 'All of the model, embeddings included.',
    of: (figure) => figure.params,
  },
  {
    ...{ title: 'Size on disk', format: formatBytes },
    help: 'Bytes of its weights.',
    of: (figure) => figure.bytes,
  },
  {
    ...{ title: 'Prefill', format: formatMs, step: 'prefill' },
    help: 'Time to read a prompt.',
    of: (figure) => figure.prefillMs,
  },
  {
    ...{ title: 'Decoded token', format: formatMs, step: 'decode' },
    help: 'Time of each further token.',
    of: (figure) => figure.decodeMs,
  },
  {
    ...{ title: 'Peak memory', format: formatBytes },
    help: 'What loading the decoder and one prompt add to a process of its own.',
    // Without a timing it was measured in a process that held other things, and says nothing.
    of: (figure) => (figure.timing === undefined ? null : figure.peakBytes),
  },
];

const reformStages = ['reform', 'sparsify'] as const;

/** The table of the run: each model with its figures as bars. */
export function createFiguresView(): View {
  const body = el('tbody');
  const table = el(
    'table',
    { class: 'table bars', aria: { label: 'Figures of each step' } },
    el(
      'thead',
      {},
      el(
        'tr',
        {},
        el('th', { class: 'words', text: 'Model', attributes: { scope: 'col' } }),
        ...measures.map(({ title, help }) =>
          el('th', { class: 'figures', text: title, title: help, attributes: { scope: 'col' } }),
        ),
      ),
    ),
    body,
  );
  const empty = el('p', {
    class: 'empty-words',
    text: 'At its end, a run evaluates the dense model, a random subnet, the initial one, the best of the search and the same with reformed weights, on text that none of them has seen. Their figures are shown here.',
  });
  const frame = createScrollFrame(table, 'Figures of each step');
  const note = el('p', { class: 'note' });
  const verdicts = el('div', { class: 'verdicts' });
  const element = el(
    'section',
    { class: 'panel', aria: { label: 'Figures' } },
    el('div', { class: 'panel-head' }, el('h2', { text: 'Results by step' })),
    empty,
    frame,
    verdicts,
    note,
  );
  const draw = onChange((figures: RunSnapshot['model']['figures'], ofLevels: boolean) => {
    const rows = figureNames.flatMap((name) => {
      const figure = figures[name];
      return figure === undefined ? [] : [{ name, figure, help: figureHelp(name, ofLevels) }];
    });
    empty.hidden = rows.length > 0;
    frame.hidden = rows.length === 0;
    setText(note, timingNote(rows.map(({ figure }) => figure)));
    const last = lastFigure(figures)?.name ?? null;
    body.replaceChildren(...rows.map((row) => lineOf(row, rows, figures.dense, last)));
  });
  // Why there is no row of reformed weights, or with how much of the change they were taken.
  const drawVerdicts = onChange((judged: ReformVerdicts) => {
    const texts = reformStages.flatMap((stage) => {
      const verdict = judged[stage];
      return verdict === undefined ? [] : [verdictText(stage, verdict)];
    });
    verdicts.replaceChildren(...texts.map((text) => el('p', { class: 'note', text })));
  });
  return {
    element,
    update(state) {
      const run = firstRun(state);
      if (run === undefined) return;
      draw(run.model.figures, isOfLevels(run.head.config));
      drawVerdicts(run.model.verdicts);
    },
    dispose: () => undefined,
  };
}

interface Row {
  readonly name: FigureName;
  readonly figure: Figure;
  /** What the model is. */
  readonly help: string;
}

function lineOf(
  row: Row,
  rows: readonly Row[],
  dense: Figure | undefined,
  last: FigureName | null,
): HTMLElement {
  return el(
    'tr',
    { class: `figure-${row.name}${row.name === last ? ' outcome' : ''}` },
    el(
      'th',
      { class: 'words', attributes: { scope: 'row' } },
      el('div', { text: figureTitles[row.name] }),
      el('div', { class: 'quiet', text: row.help }),
    ),
    ...measures.map(({ of, format, step }) => {
      const value = of(row.figure);
      const known = rows.flatMap(({ figure }) => of(figure) ?? []);
      // A control that is out of all proportion must not make the others invisible.
      const usual = rows.flatMap(({ name, figure }) =>
        name === 'random' ? [] : (of(figure) ?? []),
      );
      const most = Math.max(...(usual.length > 0 ? usual : known), 0);
      const from = dense === undefined || row.name === 'dense' ? null : of(dense);
      if (value === null) return el('td', { class: 'figures', text: UNKNOWN });
      const change =
        from === null
          ? ''
          : step === undefined
            ? formatChange(from, value)
            : speedText(speedAgainstDense(step, row.figure.timing));
      const spread = step === undefined ? '' : spreadText(step, row.figure);
      return cellOf({ text: format(value), share: most > 0 ? value / most : 0, change, spread });
    }),
  );
}

/** A figure as its cell shows it. */
interface Cell {
  readonly text: string;
  /** Of the greatest of its column; above 1 where that is cut. */
  readonly share: number;
  /** Against the dense model; empty when it cannot be said. */
  readonly change: string;
  /** Quartiles; empty for what has none. */
  readonly spread: string;
}

function cellOf({ text, share, change, spread }: Cell): HTMLElement {
  const fill = el('span', { class: 'bar-fill' });
  fill.style.width = `${Math.min(100, 100 * share)}%`;
  return el(
    'td',
    { class: 'figures' },
    el('span', { class: 'bar-value', text }),
    spread !== '' && el('span', { class: 'bar-spread', text: spread }),
    el('span', { class: 'bar-change', text: change }),
    el('span', { class: `bar${share > 1 ? ' cut' : ''}`, aria: { hidden: 'true' } }, fill),
  );
}
