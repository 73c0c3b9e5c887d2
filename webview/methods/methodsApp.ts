import {
  comparisonPanelApi,
  type ComparisonContent,
} from '../../src/protocol/comparisonPanelApi.ts';
import { PANEL_PROTOCOL } from '../../src/protocol/panelApi.ts';
import type { Bridge } from '../bridge.ts';
import { denseRow, decidedRows } from '../../src/dashboard/model/comparisonText.ts';
import { rowKey } from '../data/methodRows.ts';
import { el, setChildren, setText, show } from '../dom.ts';
import { formatCount } from '../format.ts';
import { createNotices } from '../notices.ts';
import { createFailure, createSkeleton } from '../runPage.ts';
import { onThemeChange, readTheme } from '../theme.ts';
import { createChartView } from './chartView.ts';
import { decodeComparison } from './decodeComparison.ts';
import { createHeadView } from './headView.ts';
import type { MethodsPage } from './methodsPage.ts';
import {
  restoredMethodsSelection,
  withChosen,
  withContent,
  type MethodsState,
  type MethodsView,
} from './methodsState.ts';
import { spokenRow } from './rowWords.ts';
import { createTablesView } from './tablesView.ts';

/** Runs the page of a comparison of methods in an element: asks for it, follows it, draws once a frame. */
export function startMethods(root: HTMLElement, bridge: Bridge): void {
  const { host } = bridge;
  let state: MethodsState = {
    ...{ content: null, problem: null },
    selection: restoredMethodsSelection(bridge.stored()),
  };
  let theme = readTheme();
  let frame = 0;
  let painted = false;
  const skeleton = createSkeleton('The comparison is being read');
  const failure = createFailure(() => {
    open();
  });
  const notices = createNotices();
  const announce = (text: string): void => {
    notices.announce(text);
  };
  const page: MethodsPage = {
    announce,
    theme: () => theme,
    choose: (chosen) => {
      become(withChosen(state, chosen));
    },
    act: (action) => {
      host.request(comparisonPanelApi.actOnComparison, { action }).then(
        ({ said }) => {
          if (said !== '') announce(said);
        },
        (error: unknown) => {
          // The editor has shown it; here it is only spoken.
          announce(wordsOf(error));
        },
      );
    },
  };
  const body = createBody(page);
  const stage = el('main', { class: 'stage-root' }, skeleton);
  root.replaceChildren(stage, notices.element, notices.live);

  function become(next: MethodsState): void {
    if (next.selection !== state.selection) bridge.store(next.selection);
    state = next;
    schedule();
  }

  function schedule(): void {
    // A hidden page draws nothing; it draws what it then knows when it is seen again.
    if (frame === 0 && document.visibilityState === 'visible') {
      frame = requestAnimationFrame(render);
    }
  }

  function render(): void {
    frame = 0;
    const { problem, content } = state;
    if (problem !== null) {
      failure.update({ phase: 'failed', problem });
      return setChildren(stage, [failure.element]);
    }
    if (content === null) return setChildren(stage, [skeleton]);
    setChildren(stage, [body.element]);
    body.update(state);
    if (painted) return;
    painted = true;
    requestAnimationFrame(() => {
      performance.mark('subnet:painted');
    });
  }

  function receive(value: unknown): void {
    const content = decodeComparison(value);
    if (typeof content === 'string') return fail(content);
    const news = newsOf(state.content, content);
    become(withContent(state, content));
    if (news !== '') announce(news);
  }

  function fail(problem: string): void {
    become({ ...state, problem });
  }

  function open(): void {
    host
      .request(comparisonPanelApi.openComparison, { protocol: PANEL_PROTOCOL })
      .then(receive, (error: unknown) => {
        fail(wordsOf(error));
      });
  }

  const applyMotion = (): void => {
    document.body.classList.toggle('still', theme.reducedMotion);
  };
  onThemeChange(() => {
    theme = readTheme();
    applyMotion();
    schedule();
  });
  applyMotion();
  document.addEventListener('visibilitychange', schedule);
  host.on(comparisonPanelApi.comparison, receive);
  open();
}

function createBody(page: MethodsPage): MethodsView {
  const views = [createHeadView(page), createChartView(page), createTablesView(page)] as const;
  const [head, ...rest] = views;
  const words = el('p');
  const waiting = el(
    'div',
    { class: 'empty-words waiting' },
    words,
    el('p', {
      text: 'A comparison makes the model smaller in every way that the "compare" section of its config names, with zeros in its weights and with units or blocks removed, and judges all on the same held-out text.',
    }),
  );
  const column = el('div', { class: 'column' }, ...rest.map(({ element }) => element));
  const element = el('div', { class: 'page methods' }, head.element, waiting, column);
  return {
    element,
    update(state) {
      const { table = null, waiting: sentence = '' } = state.content ?? {};
      setText(words, sentence);
      show(waiting, table === null);
      show(column, table !== null);
      for (const view of table === null ? [head] : views) view.update(state);
    },
  };
}

/** What a screen reader is told of a change: the newest row, and how far it is. */
function newsOf(before: ComparisonContent | null, now: ComparisonContent): string {
  if (before === null || before.table === null || now.table === null) return '';
  const known = new Set(before.table.rows.map(rowKey));
  const fresh = now.table.rows.filter((row) => !known.has(rowKey(row)));
  const last = fresh.at(-1);
  const ended = before.table.state !== now.table.state ? now.table.state : '';
  const words = [
    ...(last === undefined ? [] : [spokenRow(last, denseRow(now.table))]),
    ...(last === undefined
      ? []
      : [`${formatCount(decidedRows(now.table))} of ${formatCount(now.table.total)} rows.`]),
    ...(ended === '' ? [] : [`The comparison is ${ended}.`]),
  ];
  return words.join(' ');
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
