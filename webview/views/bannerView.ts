import { createButton } from '../controls/button.ts';
import { el, icon, onChange, show } from '../dom.ts';
import type { PanelAction } from '../../src/protocol/panelApi.ts';
import { firstRun, type State } from '../store.ts';
import { isInterrupted, stateOf } from './runState.ts';
import type { Page, View } from './view.ts';

interface Banner {
  readonly tone: 'error' | 'warning' | 'info';
  readonly title: string;
  readonly text: string;
  readonly actions: readonly (readonly [PanelAction, string])[];
}

/** Tells why a run does not go on, and what to do next; nothing when all is well. */
export function createBannerView(page: Page): View {
  const element = el('div', { class: 'banners' });
  const draw = onChange((id: string, key: string) => {
    const banners = JSON.parse(key) as readonly Banner[];
    element.replaceChildren(...banners.map((banner) => bannerNode(banner, id)));
    show(element, banners.length > 0);
  });
  const bannerNode = (banner: Banner, id: string): HTMLElement =>
    el(
      'div',
      { class: `banner ${banner.tone}`, role: banner.tone === 'error' ? 'alert' : 'status' },
      icon(banner.tone),
      el('div', {}, el('strong', { text: banner.title }), el('p', { text: banner.text })),
      el(
        'div',
        { class: 'actions' },
        ...banner.actions.map(([action, label]) => {
          const onPress = (): void => {
            page.act(id, action);
          };
          return createButton({ label, look: 'secondary', onPress }).element;
        }),
      ),
    );
  return {
    element,
    update(state) {
      const run = firstRun(state);
      if (run !== undefined) draw(run.head.id, JSON.stringify(bannersOf(state)));
    },
    dispose: () => undefined,
  };
}

/** What is said of a run that could not say it itself. */
const ENDED = 'Its process ended without a word.';

function bannersOf(state: State): readonly Banner[] {
  const run = firstRun(state);
  if (run === undefined) return [];
  const { id } = run.head;
  const banners: Banner[] = [];
  const now = stateOf(run, state.standing[id]);
  if (state.removed.length > 0) {
    banners.push({
      ...{ tone: 'warning', title: 'The folder of this run is gone.' },
      text: 'What you see is what was read of it. Nothing more can be done with it.',
      actions: [],
    });
    return banners;
  }
  if (!state.canRun && state.whyNot !== '') {
    const title = 'Looking works, running does not.';
    banners.push({ tone: 'info', title, text: state.whyNot, actions: [] });
  }
  if (now === 'failed') {
    banners.push({
      ...{ tone: 'error', title: 'The run failed.' },
      text: `${run.model.message ?? ENDED} Nothing that was found is lost: Resume goes on from the last saved step.`,
      actions: [['openLog', 'Show Log']],
    });
  } else if (now === 'stopped') {
    banners.push(
      !isInterrupted(run, now)
        ? {
            ...{ tone: 'info', title: 'The run is paused.' },
            text: 'Resume goes on where it stopped, or keep the best subnet found so far.',
            actions: [],
          }
        : {
            ...{ tone: 'warning', title: 'The run was interrupted.' },
            text: `${run.model.message ?? ENDED} Nothing that was found is lost: Resume goes on from the last saved step.`,
            actions: [['openLog', 'Show Log']],
          },
    );
  } else if (now === 'queued' && (state.standing[id]?.queuePlace ?? null) !== null) {
    banners.push({
      ...{ tone: 'info', title: 'Waiting for its turn.' },
      text: 'One run at a time uses the machine. This one starts by itself when those before it have ended.',
      actions: [],
    });
  }
  return banners;
}
