import { el, setAttribute, setChildren } from '../dom.ts';
import { drawKey, type LegendEntry } from './legend.ts';

/** An entry that can be switched off; `id` names it. */
export interface ToggleEntry extends LegendEntry {
  readonly id: string;
  /** False for what is always drawn. */
  readonly canHide: boolean;
}

/** A legend whose entries show and hide what they name. */
export interface ToggleLegend {
  readonly element: HTMLElement;
  update(entries: readonly ToggleEntry[], hidden: readonly string[]): void;
}

/** What a legend's entries do. */
export interface ToggleActions {
  onToggle(id: string): void;
  /** The entry under the pointer or with the focus; null when it is left. */
  onPoint(id: string | null): void;
}

/** Makes it. An entry stays the same element, and so keeps the focus, while others come and go. */
export function createToggleLegend(label: string, actions: ToggleActions): ToggleLegend {
  const element = el('ul', { class: 'legend toggles', aria: { label } });
  const items = new Map<
    string,
    { readonly item: HTMLElement; readonly inner: HTMLElement; colour: string }
  >();
  const make = ({ id, canHide, label: text, colour }: ToggleEntry) => {
    const inner = canHide
      ? el('button', { class: 'toggle', attributes: { type: 'button' } })
      : el('span', { class: 'toggle' });
    inner.append(el('span', { class: 'toggle-key' }), el('span', { text }));
    if (canHide) {
      inner.addEventListener('click', () => {
        actions.onToggle(id);
      });
      for (const [come, go] of [
        ['pointerenter', 'pointerleave'],
        ['focus', 'blur'],
      ] as const) {
        inner.addEventListener(come, () => {
          actions.onPoint(id);
        });
        inner.addEventListener(go, () => {
          actions.onPoint(null);
        });
      }
    }
    const made = { item: el('li', {}, inner), inner, colour: '' };
    void colour;
    items.set(id, made);
    return made;
  };
  return {
    element,
    update(entries, hidden) {
      const shown = entries.map((entry) => {
        const made = items.get(entry.id) ?? make(entry);
        if (made.colour !== entry.colour) {
          made.inner.firstElementChild!.replaceChildren(drawKey(entry));
          made.colour = entry.colour;
        }
        if (entry.canHide) {
          setAttribute(made.inner, 'aria-pressed', String(!hidden.includes(entry.id)));
        }
        return made.item;
      });
      setChildren(element, shown);
    },
  };
}
