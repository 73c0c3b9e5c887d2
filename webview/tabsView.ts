import { el, setAttribute, setChildren, show } from './dom.ts';

/** A tab and what it shows. */
export interface TabSpec<T extends string> {
  readonly id: T;
  readonly label: string;
}

/** A row of tabs, walked by arrow keys. */
export interface Tabs<T extends string> {
  readonly element: HTMLElement;
  /** The panel of a tab; filled by the caller. */
  panel(id: T): HTMLElement;
  update(tabs: readonly TabSpec<T>[], selected: T): void;
}

/** Makes it. */
export function createTabs<T extends string>(label: string, onSelect: (id: T) => void): Tabs<T> {
  const list = el('div', { class: 'tab-list', role: 'tablist', aria: { label } });
  const panels = el('div', { class: 'tab-panels' });
  const made = new Map<T, { readonly tab: HTMLElement; readonly panel: HTMLElement }>();
  const pairOf = (id: T): { readonly tab: HTMLElement; readonly panel: HTMLElement } => {
    let pair = made.get(id);
    if (pair === undefined) {
      const tab = el('button', {
        ...{ class: 'tab', role: 'tab', id: `tab-${id}` },
        aria: { controls: `panel-${id}` },
        attributes: { type: 'button' },
      });
      tab.addEventListener('click', () => {
        onSelect(id);
      });
      const panel = el('div', {
        ...{ class: 'tab-panel', role: 'tabpanel', id: `panel-${id}` },
        aria: { labelledby: `tab-${id}` },
      });
      made.set(id, (pair = { tab, panel }));
    }
    return pair;
  };
  list.addEventListener('keydown', (event) => {
    const tabs = [...list.children] as HTMLElement[];
    const at = tabs.findIndex((tab) => tab === document.activeElement);
    const steps: Record<string, number> = {
      ArrowRight: (at + 1) % tabs.length,
      ArrowLeft: (at - 1 + tabs.length) % tabs.length,
      Home: 0,
      End: tabs.length - 1,
    };
    const to = steps[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    tabs[to]!.focus();
    tabs[to]!.click();
  });
  return {
    element: el('div', { class: 'tabs' }, list, panels),
    panel: (id) => pairOf(id).panel,
    update(tabs, selected) {
      setChildren(
        list,
        tabs.map(({ id }) => pairOf(id).tab),
      );
      setChildren(
        panels,
        tabs.map(({ id }) => pairOf(id).panel),
      );
      for (const { id, label: words } of tabs) {
        const { tab, panel } = pairOf(id);
        if (tab.textContent !== words) tab.textContent = words;
        setAttribute(tab, 'aria-selected', String(id === selected));
        tab.tabIndex = id === selected ? 0 : -1;
        show(panel, id === selected);
      }
    },
  };
}
