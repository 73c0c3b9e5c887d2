import type { ComparisonContent } from '../../src/protocol/comparisonPanelApi.ts';
import type { ComparisonTable } from '../../src/protocol/comparisonTable.ts';
import { onDevice } from '../../src/protocol/deviceTitle.ts';
import { createButton } from '../controls/button.ts';
import { decidedRows } from '../../src/dashboard/model/comparisonText.ts';
import { el, icon, onChange, setAttribute, setChildren, setText, show } from '../dom.ts';
import { formatCount, formatLeft, formatMoment } from '../format.ts';
import type { MethodsPage } from './methodsPage.ts';
import type { MethodsView } from './methodsState.ts';
import { standingOf, type Standing } from './standing.ts';

/** Name, state, progress and actions of the comparison. */
export function createHeadView(page: MethodsPage): MethodsView {
  const title = el('h1');
  const state = el('span', { class: 'state' });
  const facts = el('p', { class: 'facts' });
  const notes = el('div', { class: 'verdicts' });
  const action = el('div', { class: 'actions' });
  const banners = el('div', { class: 'banners' });
  const config = createButton({
    ...{ label: 'Open Config', icon: 'go-to-file', look: 'icon' },
    onPress: () => {
      page.act('openConfig');
    },
  });
  const progress = createProgress();
  const element = el(
    'header',
    { class: 'header' },
    el(
      'div',
      { class: 'title-row' },
      el('div', { class: 'title' }, title, state),
      el('div', { class: 'actions-row' }, action, config.element),
    ),
    facts,
    notes,
    progress.element,
    banners,
  );
  const drawState = onChange((word: string, name: string, tone: string, spins: boolean) => {
    state.className = `state tone-${tone}`;
    state.replaceChildren(icon(name, spins), el('span', { text: word }));
  });
  const drawAction = onChange(
    (label: string, name: string, leads: boolean, stops: boolean, whyNot: string) => {
      const button = createButton({
        ...{ label, icon: name, look: leads ? 'primary' : 'secondary' },
        onPress: () => {
          page.act(stops ? 'stop' : 'run');
        },
      });
      button.element.dataset['action'] = stops ? 'stop' : 'run';
      button.enable(whyNot === '', whyNot);
      setChildren(action, [button.element]);
    },
  );
  const drawBanner = onChange((tone: string, heading: string, text: string) => {
    banners.replaceChildren();
    if (heading === '') return;
    banners.append(
      el(
        'div',
        { class: `banner ${tone}`, role: tone === 'error' ? 'alert' : 'status' },
        icon(tone),
        el('div', {}, el('strong', { text: heading }), el('p', { text })),
      ),
    );
  });
  const drawNotes = onChange((texts: readonly string[] | null) => {
    const lines = (texts ?? []).map((text) => el('p', { class: 'note', text: `Note: ${text}` }));
    notes.replaceChildren(...lines);
  });
  return {
    element,
    update({ content }) {
      if (content === null) return;
      const { table, canRun, whyNot } = content;
      const standing = standingOf(content);
      setText(title, table?.name ?? 'Comparison of methods');
      drawState(standing.word, standing.icon, standing.tone, standing.spins);
      setText(facts, table === null ? '' : factsOf(table));
      show(facts, table !== null);
      drawNotes(table?.notes ?? null);
      const { label, icon: name, leads, stops } = standing.action;
      drawAction(label, name, leads, stops, canRun ? '' : whyNot || 'Nothing can be run here.');
      progress.update(content, standing);
      const banner = bannerOf(content, standing);
      drawBanner(banner?.tone ?? '', banner?.heading ?? '', banner?.text ?? '');
    },
  };
}

function createProgress(): {
  readonly element: HTMLElement;
  update(content: ComparisonContent, standing: Standing): void;
} {
  const words = el('span', { class: 'progress-words' });
  const left = el('span', { class: 'quiet' });
  const fill = el('span', { class: 'stage-bar-fill' });
  const bar = el(
    'div',
    { class: 'stage-bar', role: 'progressbar', aria: { label: 'Rows done', valuemin: '0' } },
    fill,
  );
  const element = el(
    'div',
    { class: 'progress' },
    el('div', { class: 'progress-line' }, words, left),
    bar,
  );
  return {
    element,
    update({ table, etaMs, job }, { kind }) {
      const total = table?.total ?? 0;
      show(element, table !== null && total > 0 && kind !== 'finished');
      if (table === null || total === 0) return;
      const done = decidedRows(table);
      setText(words, `${formatCount(done)} of ${formatCount(total)} rows`);
      setText(left, job === 'running' && etaMs !== null ? formatLeft(etaMs) : '');
      setAttribute(bar, 'aria-valuemax', String(total));
      setAttribute(bar, 'aria-valuenow', String(done));
      const width = `${(100 * done) / total}%`;
      if (fill.style.width !== width) fill.style.width = width;
    },
  };
}

interface Banner {
  readonly tone: 'error' | 'warning' | 'info';
  readonly heading: string;
  readonly text: string;
}

function bannerOf({ canRun, whyNot }: ComparisonContent, { kind }: Standing): Banner | null {
  switch (kind) {
    case 'failed':
      return {
        ...{ tone: 'error', heading: 'The comparison failed.' },
        text: 'The log says why. Rows that are done are kept: Continue computes the others.',
      };
    case 'interrupted':
      return {
        ...{ tone: 'warning', heading: 'The comparison was interrupted.' },
        text: 'Its process ended without a message. Rows that are done are kept: Continue computes the others.',
      };
    case 'queued':
      return {
        ...{ tone: 'info', heading: 'The comparison is queued.' },
        text: 'One job runs at a time. This comparison starts when those before it have ended.',
      };
    default:
      if (canRun || whyNot === '') return null;
      return {
        tone: 'info',
        heading: 'You can view comparisons, but not start them.',
        text: whyNot,
      };
  }
}

function factsOf({
  model,
  device,
  heldout,
  calibration,
  seed,
  startedMs,
}: ComparisonTable): string {
  const text = (words: string, { windows, tokens }: ComparisonTable['heldout']): string =>
    `${words} ${formatCount(tokens)} tokens in ${formatCount(windows)} windows`;
  return [
    model,
    onDevice(device),
    text('held-out', heldout),
    text('calibration', calibration),
    `seed ${seed}`,
    formatMoment(startedMs),
  ].join('  ·  ');
}
