import { perplexityValue } from '../../src/protocol/perplexity.ts';
import { speedChange, type TimedStep } from '../../src/protocol/speedChange.ts';
import { speedText } from '../data/speedText.ts';
import { hasFurtherSteps } from '../data/sparseRun.ts';
import { el, onChange, show } from '../dom.ts';
import {
  formatBytes,
  formatChange,
  formatMs,
  formatScore,
  formatShare,
  UNKNOWN,
} from '../format.ts';
import { firstRun } from '../store.ts';
import { createScrollFrame } from '../table/scrollFrame.ts';
import type { View } from '../views/view.ts';
import { stepsOf, type Step } from './steps.ts';

interface Measure {
  readonly title: string;
  readonly help: string;
  readonly of: (step: Step) => number | null;
  readonly format: (value: number) => string;
  /** Of a time: which. */
  readonly step?: TimedStep;
}

/** Of each of these less is better. */
const measures: readonly Measure[] = [
  {
    ...{ title: 'Held-out perplexity', format: formatScore },
    help: 'What a step costs. Lower is better.',
    of: ({ figure }) => perplexityValue(figure.perplexity),
  },
  {
    ...{ title: 'Weights not zero', format: formatShare },
    help: 'Of the block parameters of the dense model.',
    of: ({ keptShare }) => keptShare,
  },
  {
    ...{ title: 'Size on disk', format: formatBytes },
    help: 'Bytes of the weights as the decoder stores them; zeros count like any number.',
    of: ({ figure }) => figure.bytes,
  },
  {
    ...{ title: 'Decoded token', format: formatMs, step: 'decode' },
    help: 'Time of each further token.',
    of: ({ figure }) => figure.decodeMs,
  },
];

/** What each step of a combined run costs and brings against the step before it. */
export function createStepsView(): View {
  const body = el('tbody');
  const table = el(
    'table',
    { class: 'table bars steps', aria: { label: 'Each step against the one before' } },
    el(
      'thead',
      {},
      el(
        'tr',
        {},
        el('th', { class: 'words', text: 'Step', attributes: { scope: 'col' } }),
        ...measures.map(({ title, help }) =>
          el('th', { class: 'figures', text: title, title: help, attributes: { scope: 'col' } }),
        ),
      ),
    ),
    body,
  );
  const element = el(
    'section',
    { class: 'panel', aria: { label: 'Steps' } },
    el('div', { class: 'panel-head' }, el('h2', { text: 'Cost and gain of each step' })),
    el('p', {
      class: 'note',
      text: 'Changes are against the step above. Of all four, less is better.',
    }),
    createScrollFrame(table, 'Cost and gain of each step'),
  );
  const draw = onChange((_key: string, steps: () => readonly Step[]) => {
    const all = steps();
    body.replaceChildren(...all.map((step, at) => lineOf(step, all[at - 1] ?? null, all)));
  });
  let last: { readonly key: string; readonly steps: () => readonly Step[] } | null = null;
  return {
    element,
    update(state) {
      const run = firstRun(state);
      const shown = run !== undefined && hasFurtherSteps(run);
      show(element, shown);
      if (!shown) return;
      const { figures, densities } = run.model;
      const key = JSON.stringify([figures, densities.length]);
      if (last?.key !== key) last = { key, steps: () => stepsOf(run) };
      draw(last.key, last.steps);
    },
    dispose: () => undefined,
  };
}

function lineOf(step: Step, before: Step | null, all: readonly Step[]): HTMLElement {
  return el(
    'tr',
    { class: `figure-${step.name}${step === all.at(-1) ? ' outcome' : ''}` },
    el('th', { class: 'words', text: step.label, attributes: { scope: 'row' } }),
    ...measures.map(({ of, format, step: timed }) => {
      const value = of(step);
      if (value === null) return el('td', { class: 'figures', text: UNKNOWN });
      const from = before === null ? null : of(before);
      const most = Math.max(...all.map((one) => of(one) ?? 0));
      const fill = el('span', { class: 'bar-fill' });
      fill.style.width = `${most > 0 ? Math.min(100, (100 * value) / most) : 0}%`;
      return el(
        'td',
        { class: 'figures' },
        el('span', { class: 'bar-value', text: format(value) }),
        el('span', {
          class: 'bar-change',
          text: before === null ? '' : changeText(timed, step, before, from, value),
        }),
        el('span', { class: 'bar', aria: { hidden: 'true' } }, fill),
      );
    }),
  );
}

function changeText(
  timed: TimedStep | undefined,
  step: Step,
  before: Step,
  from: number | null,
  to: number,
): string {
  if (timed === undefined) return from === null ? '' : formatChange(from, to);
  return speedText(speedChange(timed, step.figure.timing, before.figure.timing));
}
