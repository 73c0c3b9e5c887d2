import type { RunSnapshot } from '../src/dashboard/model/runSnapshot.ts';
import { createButton } from './controls/button.ts';
import { planOf, type RunPlan } from '../src/dashboard/model/runPlan.ts';
import { hasFurtherSteps, makesSparse } from './data/sparseRun.ts';
import { el, show } from './dom.ts';
import type { Tab } from './selection.ts';
import { firstRun, type State } from './store.ts';
import { createTabs, type TabSpec } from './tabsView.ts';
import { createBannerView } from './views/bannerView.ts';
import { createConfigView } from './views/configView.ts';
import { createExportsView } from './views/exportsView.ts';
import { createFiguresView } from './views/figuresView.ts';
import { createFitnessView } from './views/fitnessView.ts';
import { createHeaderView } from './views/headerView.ts';
import { createLazyView } from './views/lazyView.ts';
import { createLineageView } from './views/lineageView.ts';
import { createLogView } from './views/logView.ts';
import { createQualityView } from './views/qualityView.ts';
import { createSelectedView } from './views/selectedView.ts';
import { createStageStripView } from './views/stageStripView.ts';
import { createSubnetsView } from './views/subnetsView.ts';
import type { Page, View } from './views/view.ts';
import { createWorkView } from './views/workView.ts';

const tabs: readonly TabSpec<Tab>[] = [
  { id: 'overview', label: 'Overview' },
  { id: 'masks', label: 'Masks' },
  { id: 'sparsity', label: 'Sparsity' },
  { id: 'results', label: 'Results' },
  { id: 'config', label: 'Config' },
  { id: 'log', label: 'Log' },
];

/** The dashboard of one run. */
export function createRunPage(page: Page): View {
  const always: readonly View[] = [
    createHeaderView(page),
    createBannerView(page),
    createWorkView(page),
    createStageStripView(page),
  ];
  const strip = createTabs<Tab>('Parts of the dashboard', (tab) => {
    page.choose({ tab });
  });
  const made = new Map<Tab, readonly View[]>();
  const drawn = new Map<Tab, number>();
  const element = el(
    'div',
    { class: 'page' },
    ...always.map((view) => view.element),
    strip.element,
  );
  return {
    element,
    update(state) {
      for (const view of always) view.update(state);
      const run = firstRun(state);
      const offered = tabs.filter(({ id }) => run === undefined || applies(id, run));
      const { tab: wanted } = state.selection;
      const tab = offered.some(({ id }) => id === wanted) ? wanted : 'overview';
      strip.update(offered, tab);
      const views = viewsOf(tab);
      // The first time one view a frame, so that what matters most is seen first.
      const begun = Math.min(views.length, (drawn.get(tab) ?? 0) + 1);
      for (const view of views.slice(0, begun)) view.update(state);
      drawn.set(tab, begun);
      if (begun < views.length) page.again();
    },
    dispose() {
      for (const view of [...always, ...[...made.values()].flat()]) view.dispose();
    },
  };

  /** A tab is made when it is first looked at; one that is out of sight is not kept up to date. */
  function viewsOf(tab: Tab): readonly View[] {
    let views = made.get(tab);
    if (views === undefined) {
      const [made_, layout] = makers[tab](page);
      views = made_;
      made.set(tab, views);
      strip.panel(tab).append(layout);
    }
    return views;
  }
}

/** Whether a tab has anything to show for what the run was set up to do. */
function applies(tab: Tab, run: RunSnapshot): boolean {
  if (tab === 'sparsity') return makesSparse(run);
  return tab !== 'masks' || planOf(run.head.config).findsSubnet;
}

/** A view that is shown only for runs with a certain plan, and not drawn for others. */
function onlyFor(view: View, isNeeded: (plan: RunPlan) => boolean): View {
  return {
    ...view,
    update(state) {
      const run = firstRun(state);
      const needed = run !== undefined && isNeeded(planOf(run.head.config));
      view.element.classList.toggle('not-planned', !needed);
      if (needed) view.update(state);
    },
  };
}

const makers: Readonly<Record<Tab, (page: Page) => readonly [readonly View[], HTMLElement]>> = {
  overview(page) {
    const ofSubnet = (view: View): View => onlyFor(view, ({ findsSubnet }) => findsSubnet);
    const ofSearch = (view: View): View => onlyFor(view, ({ searches }) => searches);
    // A run that only puts zeros into weights has no subnets: its figures stand here at once.
    const figures = onlyFor(createFiguresView(), ({ findsSubnet }) => !findsSubnet);
    const fitness = ofSearch(createFitnessView(page));
    const selected = ofSubnet(createSelectedView(page));
    const subnets = ofSubnet(createSubnetsView(page));
    const quality = createQualityView(page);
    const lineage = ofSearch(createLineageView(page));
    const layout = el(
      'div',
      { class: 'overview' },
      el('div', { class: 'column' }, fitness.element, subnets.element, figures.element),
      el('div', { class: 'column' }, selected.element, quality.element, lineage.element),
    );
    return [[fitness, selected, subnets, quality, lineage, figures], layout];
  },
  masks: (page) =>
    single(
      createLazyView(async () => {
        const { createMasksView } = await import('./views/masksView.ts');
        return createMasksView(page);
      }),
    ),
  sparsity: (page) =>
    single(
      createLazyView(async () => {
        const { createSparsityView } = await import('./sparsity/sparsityView.ts');
        return createSparsityView(page);
      }),
    ),
  results(page) {
    const steps = createLazyView(
      async () => {
        const { createStepsView } = await import('./sparsity/stepsView.ts');
        return createStepsView();
      },
      (state) => {
        const run = firstRun(state);
        return run !== undefined && hasFurtherSteps(run);
      },
    );
    const views = [createFiguresView(), steps, createExportsView(page)];
    return [views, el('div', { class: 'column' }, ...views.map(({ element }) => element))];
  },
  config: (page) => single(createConfigView(page)),
  log: (page) => single(createLogView(page)),
};

function single(view: View): readonly [readonly View[], HTMLElement] {
  return [[view], el('div', { class: 'column' }, view.element)];
}

/**
 * What stands where a run will be: as large as what comes, so that nothing jumps.
 * @param label  what is being read
 */
export function createSkeleton(label: string): HTMLElement {
  const block = (name: string): HTMLElement => el('div', { class: `bone ${name}` });
  return el(
    'div',
    {
      class: 'page skeleton',
      aria: { busy: 'true', label },
      role: 'status',
    },
    block('bone-title'),
    block('bone-facts'),
    block('bone-tiles'),
    block('bone-stages'),
    el('div', { class: 'overview' }, block('bone-plot'), block('bone-side')),
  );
}

/** Says why there is nothing to show, and what to do. */
export function createFailure(onRetry: () => void): {
  readonly element: HTMLElement;
  update(state: Pick<State, 'phase' | 'problem'>): void;
} {
  const text = el('p');
  const element = el(
    'div',
    { class: 'page failure', role: 'alert' },
    el('span', { class: 'codicon codicon-error', aria: { hidden: 'true' } }),
    el('h1', { text: 'This dashboard cannot be shown' }),
    text,
    createButton({ label: 'Try Again', look: 'secondary', onPress: onRetry }).element,
  );
  return {
    element,
    update(state) {
      text.textContent = state.problem ?? '';
      show(element, state.phase === 'failed');
    },
  };
}
