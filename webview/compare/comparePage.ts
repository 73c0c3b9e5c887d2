import { el, setText } from '../dom.ts';
import type { Tab } from '../selection.ts';
import { createTabs, type TabSpec } from '../tabsView.ts';
import { createMasksView } from '../views/masksView.ts';
import type { Page, View } from '../views/view.ts';
import { comparedRuns } from './comparedRuns.ts';
import { createCompareTableView } from './compareTableView.ts';
import { createConfigDiffView } from './configDiffView.ts';
import { createCurvesView } from './curvesView.ts';

const tabs: readonly TabSpec<Tab>[] = [
  { id: 'overview', label: 'Overview' },
  { id: 'config', label: 'Config' },
  { id: 'masks', label: 'Masks' },
];

/** The dashboard of two or more runs, side by side. */
export function createComparePage(page: Page): View {
  const title = el('h1');
  const facts = el('p', { class: 'facts' });
  const strip = createTabs<Tab>('Parts of the comparison', (tab) => {
    page.choose({ tab });
  });
  const made = new Map<Tab, readonly View[]>();
  const element = el(
    'div',
    { class: 'page' },
    el('header', { class: 'header' }, el('div', { class: 'title' }, title), facts),
    strip.element,
  );
  const make: Readonly<Record<string, () => readonly View[]>> = {
    overview: () => [createCurvesView(page), createCompareTableView()],
    config: () => [createConfigDiffView(page)],
    masks: () => [createMasksView(page)],
  };
  return {
    element,
    update(state) {
      const runs = comparedRuns(state);
      setText(title, `Comparing ${runs.length} runs`);
      setText(facts, runs.map(({ head }) => head.name).join('  ·  '));
      const tab = tabs.some(({ id }) => id === state.selection.tab)
        ? state.selection.tab
        : 'overview';
      strip.update(tabs, tab);
      let views = made.get(tab);
      if (views === undefined) {
        views = make[tab]!();
        made.set(tab, views);
        const column = el('div', { class: 'column' }, ...views.map((view) => view.element));
        strip.panel(tab).append(column);
      }
      for (const view of views) view.update(state);
    },
    dispose() {
      for (const view of [...made.values()].flat()) view.dispose();
    },
  };
}
