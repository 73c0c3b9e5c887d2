import { panelApi, PANEL_PROTOCOL, type PanelContent } from '../src/protocol/panelApi.ts';
import type { RunSnapshot } from '../src/dashboard/model/runSnapshot.ts';
import type { Bridge } from './bridge.ts';
import { decodeContent } from './decode.ts';
import { el, setChildren } from './dom.ts';
import { listenToHost } from './hostEvents.ts';
import { createNotices } from './notices.ts';
import { createFailure, createRunPage, createSkeleton } from './runPage.ts';
import { restoredSelection } from './selection.ts';
import { firstState, reduce, type Change, type State } from './store.ts';
import { onThemeChange, readTheme } from './theme.ts';
import { createLazyView } from './views/lazyView.ts';
import type { Page, View } from './views/view.ts';

/** Runs the dashboard in an element: asks for its content, follows its runs, draws once a frame. */
export function startApp(root: HTMLElement, bridge: Bridge): void {
  const { host } = bridge;
  let state: State = firstState(restoredSelection(bridge.stored()));
  let theme = readTheme();
  let themeVersion = 0;
  let frame = 0;
  let painted = false;
  let shown: { readonly key: string; readonly view: View } | undefined;
  const skeleton = createSkeleton('The run is being read');
  const failure = createFailure(() => {
    open();
  });
  const notices = createNotices();
  const stage = el('main', { class: 'stage-root' }, skeleton);
  root.replaceChildren(stage, notices.element, notices.live);

  const dispatch = (change: Change): void => {
    const next = reduce(state, change);
    if (next === state) return;
    if (next.selection !== state.selection) bridge.store(next.selection);
    const becameStale = next.stale && !state.stale;
    state = next;
    if (becameStale) open();
    schedule();
  };
  const schedule = (): void => {
    // A hidden page draws nothing; it draws what it then knows when it is seen again.
    if (frame === 0 && document.visibilityState === 'visible') {
      frame = requestAnimationFrame(render);
    }
  };
  const render = (): void => {
    frame = 0;
    if (state.phase === 'loading') return setChildren(stage, [skeleton]);
    if (state.phase === 'failed') {
      failure.update(state);
      return setChildren(stage, [failure.element]);
    }
    const key = state.order.join('\n');
    if (shown?.key !== key) {
      shown?.view.dispose();
      const view = state.order.length > 1 ? createLazyView(loadComparePage) : createRunPage(page);
      shown = { key, view };
      setChildren(stage, [view.element]);
    }
    shown.view.update(state);
    if (painted) return;
    painted = true;
    requestAnimationFrame(() => {
      performance.mark('subnet:painted');
    });
  };
  const loadComparePage = async (): Promise<View> => {
    const { createComparePage } = await import('./compare/comparePage.ts');
    return createComparePage(page);
  };
  const open = (): void => {
    host.request(panelApi.open, { protocol: PANEL_PROTOCOL }).then(
      (answer) => {
        const content: PanelContent<RunSnapshot> | null = decodeContent(answer);
        if (content !== null) return dispatch({ kind: 'content', content });
        const problem =
          'The extension sent something this dashboard does not understand. Reload the window.';
        dispatch({ kind: 'failed', problem });
      },
      (error: unknown) => {
        dispatch({ kind: 'failed', problem: wordsOf(error) });
      },
    );
  };
  const page: Page = createPage(bridge, dispatch, notices, {
    state: () => state,
    theme: () => theme,
    themeVersion: () => themeVersion,
    again: () => {
      schedule();
    },
  });

  onThemeChange(() => {
    theme = readTheme();
    themeVersion++;
    document.body.classList.toggle('still', theme.reducedMotion);
    schedule();
  });
  document.body.classList.toggle('still', theme.reducedMotion);
  document.addEventListener('visibilitychange', schedule);
  setInterval(() => {
    const runs = Object.values(state.runs);
    if (runs.some(({ model }) => model.state === 'running')) schedule();
  }, 1000);
  listenToHost(host, dispatch);
  open();
}

/** What the page says and reads besides its state. */
interface Surroundings {
  readonly state: () => State;
  readonly theme: Page['theme'];
  readonly themeVersion: Page['themeVersion'];
  readonly again: Page['again'];
}

function createPage(
  { host }: Bridge,
  dispatch: (change: Change) => void,
  notices: ReturnType<typeof createNotices>,
  { state, theme, themeVersion, again }: Surroundings,
): Page {
  const announce = (text: string): void => {
    notices.announce(text);
  };
  const mask: Page['mask'] = (run, ref) => {
    // A mask is asked of the run that knows it: in a comparison that may be the other one.
    const { order, runs } = state();
    const owner =
      ref.kind === 'named' || order.length < 2
        ? run
        : order.find((id) => runs[id] !== undefined && knows(runs[id], ref.key));
    return host.request(panelApi.mask, { run: owner ?? run, mask: ref });
  };
  return {
    ...{ theme, themeVersion, again, announce, mask },
    choose: (chosen) => {
      dispatch({ kind: 'choose', chosen });
    },
    act: (run, action, subnet) => {
      const params = { run, action, ...(subnet === undefined ? {} : { subnet }) };
      host.request(panelApi.act, params).then(
        ({ said }) => {
          if (said !== '') announce(said);
        },
        (error: unknown) => {
          // The editor has shown it; here it is only spoken.
          announce(wordsOf(error));
        },
      );
    },
    loadConfig: (run) => {
      host.request(panelApi.config, { run }).then(
        (config) => {
          dispatch({ kind: 'configChanged', run, config });
        },
        (error: unknown) => {
          notices.complain(wordsOf(error));
        },
      );
    },
    editConfig: async (run, path, value) => {
      const config = await host.request(panelApi.editConfig, { run, path: [...path], value });
      dispatch({ kind: 'configChanged', run, config });
      return config;
    },
    masks: {
      ...{ mask, announce },
      frequency: (run) => host.request(panelApi.frequency, { run }),
      importance: (run) => host.request(panelApi.importance, { run }),
      layerScores: (run, layer) => host.request(panelApi.layerScores, { run, layer }),
    },
    zeros: {
      record: async (run) => (await host.request(panelApi.sparsity, { run })).record,
      pattern: (run, block, map) => host.request(panelApi.weightPattern, { run, block, map }),
    },
  };
}

function knows(run: RunSnapshot, key: string): boolean {
  return (
    Object.values(run.masks).includes(key) || run.model.candidates.some((one) => one.key === key)
  );
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
