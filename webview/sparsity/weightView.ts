import type { SparseMap } from '../../src/protocol/sparsityRecord.ts';
import type { CanvasTheme } from '../draw/canvasTheme.ts';
import { count, percent } from '../draw/ticks.ts';
import { el, onChange, setText, show } from '../dom.ts';
import { weightScoreUnit } from '../data/scoreUnit.ts';
import { createHistogramView } from '../heatmap/histogramView.ts';
import { alongWords, errorWords, mapHelp } from './mapWords.ts';
import { cutWords, scoreHistogram } from './scores.ts';

/** What is known of one weight, and where its scores were cut. */
export interface WeightView {
  readonly element: HTMLElement;
  show(found: SparseMap, method: string, pattern: string, theme: CanvasTheme): void;
  dispose(): void;
}

/** CSS pixels. */
const HEIGHT = 132;

/** Makes it. */
export function createWeightView(): WeightView {
  const title = el('h2');
  const facts = el('dl', { class: 'pairs' });
  const histogram = createHistogramView('Scores', HEIGHT);
  const keys = el(
    'ul',
    { class: 'score-keys' },
    ...(['kept', 'removed', 'the cut'] as const).map((text) =>
      el(
        'li',
        {},
        el('span', { class: `score-key ${text.replace(' ', '-')}`, aria: { hidden: 'true' } }),
        text,
      ),
    ),
  );
  const note = el('p', { class: 'note' });
  const element = el(
    'section',
    { class: 'panel weight', aria: { label: 'One weight' } },
    el('div', { class: 'panel-head' }, title),
    facts,
    histogram.element,
    keys,
    note,
  );
  const draw = onChange((found: SparseMap, method: string, pattern: string, theme: CanvasTheme) => {
    const { map, block, rows, columns, kept, error, scores } = found;
    setText(title, `Zeros of ${map}, block ${block}`);
    const size = rows * columns;
    const lines: [string, string][] = [
      ['Outputs × inputs', `${count(rows)} × ${count(columns)}`],
      ['Weights kept', `${count(kept)} (${size === 0 ? '–' : percent(kept / size)})`],
      ['Kept of', alongWords(pattern, found.along)],
      [
        'Error on calibration',
        error === null
          ? 'not reformed'
          : `${errorWords(error.before)} → ${errorWords(error.after)} by reforming`,
      ],
    ];
    facts.replaceChildren(
      ...lines.flatMap(([term, text]) => [el('dt', { text: term }), el('dd', { text })]),
    );
    facts.title = mapHelp[map];
    const counts = scores === null ? null : scoreHistogram(scores);
    show(histogram.element, counts !== null);
    show(keys, counts !== null);
    histogram.show(counts, weightScoreUnit(method), theme);
    setText(note, counts === null ? withoutScores(method) : cutWords(counts));
  });
  return {
    element,
    show: draw,
    dispose: () => {
      histogram.dispose();
    },
  };
}

function withoutScores(method: string): string {
  return method === 'sparsegpt'
    ? 'SparseGPT chooses column by column and changes the others as it goes, so that no weight has one score that could be counted.'
    : 'The scores of this weight were not recorded.';
}
