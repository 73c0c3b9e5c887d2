import { createButton } from '../controls/button.ts';
import { el, icon, onChange, show } from '../dom.ts';
import type { RunSnapshot } from '../../src/dashboard/model/runSnapshot.ts';
import { resultText } from '../data/resultText.ts';
import type { PanelAction } from '../../src/protocol/panelApi.ts';
import { firstRun, type State } from '../store.ts';
import { isInterrupted, stateOf } from './runState.ts';
import type { Page, View } from './view.ts';

interface Banner {
  readonly tone: 'error' | 'warning' | 'info';
  readonly title: string;
  readonly text: string;
  readonly actions: readonly (readonly [PanelAction, string])[];
  /** Key of the subnet that the actions are for; null: the run. */
  readonly subnet?: string | null;
  readonly icon?: string;
  /** True where the figures above say the same, so that a very narrow page leaves the text out. */
  readonly repeats?: boolean;
}

/** Says why a run does not go on or what came out of it, and what to do next. */
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
      icon(banner.icon ?? banner.tone),
      el(
        'div',
        {},
        el('strong', { text: banner.title }),
        el('p', { class: banner.repeats === true ? 'repeats' : '', text: banner.text }),
      ),
      el(
        'div',
        { class: 'actions' },
        ...banner.actions.map(([action, label]) => {
          const onPress = (): void => {
            page.act(id, action, banner.subnet ?? undefined);
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

/** Shown for a run that could not report its end itself. */
const ENDED = 'Its process ended without a message.';

function bannersOf(state: State): readonly Banner[] {
  const run = firstRun(state);
  if (run === undefined) return [];
  const { id } = run.head;
  const banners: Banner[] = [];
  const now = stateOf(run, state.standing[id]);
  if (state.removed.length > 0) {
    banners.push({
      ...{ tone: 'warning', title: 'The folder of this run is gone.' },
      text: 'This page shows what was read before. Nothing more can be done with the run.',
      actions: [],
    });
    return banners;
  }
  if (!state.canRun && state.whyNot !== '') {
    const title = 'You can view runs, but not start, export or delete them.';
    banners.push({ tone: 'info', title, text: state.whyNot, actions: [] });
  }
  if (now === 'failed') {
    banners.push({
      ...{ tone: 'error', title: 'The run failed.' },
      text: `${run.model.message ?? ENDED} Nothing is lost: Resume continues from the last saved step.`,
      actions: [['openLog', 'Show Log']],
    });
  } else if (now === 'stopped') {
    banners.push(
      !isInterrupted(run, now)
        ? {
            ...{ tone: 'info', title: 'The run is paused.' },
            text: 'Resume continues where it stopped. Stop and Keep Best finishes with the best subnet so far.',
            actions: [],
          }
        : {
            ...{ tone: 'warning', title: 'The run was interrupted.' },
            text: `${run.model.message ?? ENDED} Nothing is lost: Resume continues from the last saved step.`,
            actions: [['openLog', 'Show Log']],
          },
    );
  } else if (now === 'queued' && (state.standing[id]?.queuePlace ?? null) !== null) {
    banners.push({
      ...{ tone: 'info', title: 'The run is queued.' },
      text: 'One job runs at a time. This run starts when those before it have ended.',
      actions: [],
    });
  }
  if (now === 'finished') {
    const text = resultText(run);
    if (text !== '') banners.push({ ...finishedBanner(run), text, repeats: true });
  }
  return banners;
}

/** What to do with the result of a run: use what was exported, or export it. */
function finishedBanner({ model, masks }: RunSnapshot): Omit<Banner, 'text'> {
  const subnet = masks.searched ?? null;
  const isExported = model.exports.length > 0;
  const use: Banner['actions'] =
    subnet === null
      ? [['revealFolder', 'Reveal Run Folder']]
      : isExported
        ? [
            ['openSubnetBeside', 'Open Config Beside'],
            ['insertLoader', 'Insert Loader'],
          ]
        : [['export', 'Export']];
  return {
    ...{ tone: 'info', icon: 'pass', title: 'The run finished.', subnet },
    actions: use,
  };
}
