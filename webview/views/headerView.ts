import type { PanelAction } from '../../src/protocol/panelApi.ts';
import type { RunSnapshot } from '../../src/dashboard/model/runSnapshot.ts';
import type { RunState } from '../../src/protocol/runRecord.ts';
import { createButton } from '../controls/button.ts';
import { el, icon, onChange, setChildren, setText } from '../dom.ts';
import { formatLarge, formatMoment, formatShare } from '../format.ts';
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
      el('div', { class: 'title' }, title, state),
      el(
        'div',
        { class: 'actions-row' },
        main,
        el('div', { class: 'tools' }, ...quiet.map(({ element: button }) => button)),
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
      setText(facts, factsOf(run));
      drawActions(run, runState, place !== null, all);
      headline.update(run);
    },
    dispose: () => undefined,
  };
}

function factsOf({ head, model }: RunSnapshot): string {
  const device = model.devices.find(({ chosen }) => chosen);
  return [
    ...(head.model === null
      ? []
      : [
          head.model.family,
          `${head.model.layers} layers`,
          `${formatLarge(head.model.params)} parameters`,
        ]),
    ...(head.ratio === null ? [] : [`keeps ${formatShare(head.ratio)} of its blocks`]),
    ...(device === undefined ? [] : [`on ${device.device}`]),
    formatMoment(head.createdMs),
    head.configName,
  ].join('  ·  ');
}
