import { onDevice } from '../../src/protocol/deviceTitle.ts';
import type { PanelAction } from '../../src/protocol/panelApi.ts';
import type { RunSnapshot } from '../../src/dashboard/model/runSnapshot.ts';
import type { RunState } from '../../src/protocol/runRecord.ts';
import { createButton } from '../controls/button.ts';
import { runTime } from '../../src/dashboard/model/runTime.ts';
import { el, icon, onChange, setChildren, setText, show } from '../dom.ts';
import { formatLarge, formatLeft, formatMoment, formatShare, formatSpan } from '../format.ts';
import { firstRun, type State } from '../store.ts';
import { createHeadline } from './headline.ts';
import { actionsFor, shownState, stateOf, stateWords } from './runState.ts';
import type { Page, View } from './view.ts';

/** Actions that always apply, shown as quiet icons. */
const standing: readonly (readonly [PanelAction, string, string])[] = [
  ['openConfig', 'Open Config', 'go-to-file'],
  ['openLog', 'Show Log', 'output'],
  ['revealFolder', 'Reveal Run Folder', 'folder-opened'],
  ['compare', 'Compare with Another Run', 'diff'],
  ['delete', 'Delete Run', 'trash'],
];

/** Name, state, actions and headline of the run. */
export function createHeaderView(page: Page): View {
  const title = el('h1');
  const state = el('span', { class: 'state' });
  const time = el('span', { class: 'run-time' });
  const facts = el('p', { class: 'facts' });
  const main = el('div', { class: 'actions' });
  const headline = createHeadline();
  let id = '';
  const quiet = standing.map(([action, label, name]) =>
    createButton({
      ...{ label, icon: name, look: 'icon' },
      onPress: () => {
        page.act(id, action);
      },
    }),
  );
  const element = el(
    'header',
    { class: 'header' },
    el(
      'div',
      { class: 'title-row' },
      el('div', { class: 'title' }, title, state, time),
      el(
        'div',
        { class: 'actions-row' },
        main,
        el('div', { class: 'tools quiet-actions' }, ...quiet.map(({ element: button }) => button)),
      ),
    ),
    facts,
    headline.element,
  );

  const drawState = onChange(
    (runState: RunState | 'interrupted', place: number | null, busy: string | null) => {
      const words = stateWords(runState, place);
      state.className = `state tone-${words.tone}`;
      state.replaceChildren(icon(words.icon, words.spins), el('span', { text: words.word }));
      if (busy !== null) state.append(el('span', { class: 'busy', text: busy }));
    },
  );
  let drawn = '';
  const drawActions = (run: RunSnapshot, runState: RunState, queued: boolean, all: State): void => {
    const actions = actionsFor(run, runState, queued);
    const gone = all.removed.includes(id);
    const works = all.canRun && !gone;
    const whyNot = gone ? 'The folder of this run is gone.' : all.whyNot;
    const key = [id, works, whyNot, ...actions.map(({ action }) => action)].join('\n');
    if (key === drawn) return;
    drawn = key;
    const buttons = actions.map(({ action, label, icon: name, main: leads }) => {
      const button = createButton({
        ...{ label, icon: name, look: leads ? 'primary' : 'secondary' },
        onPress: () => {
          page.act(id, action);
        },
      });
      button.element.dataset['action'] = action;
      button.enable(works, whyNot);
      return button.element;
    });
    for (const [i, [action]] of standing.entries()) {
      if (action === 'delete') quiet[i]?.enable(works, whyNot);
    }
    setChildren(main, buttons);
  };

  return {
    element,
    update(all) {
      const run = firstRun(all);
      if (run === undefined) return;
      id = run.head.id;
      const where = all.standing[id];
      const runState = stateOf(run, where);
      const place = where?.queuePlace ?? null;
      setText(title, run.head.name);
      drawState(shownState(run, where), place, where?.busyWith ?? null);
      const spent = timeWords(run, runState, Date.now());
      setText(time, spent);
      show(time, spent !== '');
      const about = factsOf(run);
      setText(facts, about);
      facts.title = about;
      drawActions(run, runState, place !== null, all);
      headline.update(run);
    },
    dispose: () => undefined,
  };
}

/** How long a run has taken, and how long all of it will still take; empty before it began. */
export function timeWords({ model }: RunSnapshot, state: RunState, nowMs: number): string {
  if (model.startedMs === null) return '';
  const { elapsedMs, leftOfRunMs } = runTime(model, state === 'running', nowMs);
  if (state === 'finished') return `took ${formatSpan(elapsedMs)}`;
  const elapsed = `${formatSpan(elapsedMs)} elapsed`;
  return leftOfRunMs === null ? elapsed : `${elapsed} · run: ${formatLeft(leftOfRunMs)}`;
}

function factsOf({ head, model }: RunSnapshot): string {
  const device = model.devices.find(({ chosen }) => chosen);
  return [
    ...(head.model === null
      ? []
      : [
          head.model.family,
          `${head.model.layers} blocks`,
          `${formatLarge(head.model.params)} parameters`,
        ]),
    ...(head.ratio === null ? [] : [`keeps ${formatShare(head.ratio)} of its block parameters`]),
    ...(device === undefined ? [] : [onDevice(device.device)]),
    formatMoment(head.createdMs),
    head.configName,
  ].join('  ·  ');
}
