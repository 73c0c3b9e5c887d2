import { el, setAttribute, show } from '../dom.ts';

/**
 * A frame in which a table that is wider than the page scrolls sideways. Columns that are out of sight
 * are announced above it, for a scroll bar may be hidden until it is used.
 * @param label  what the table holds, for screen readers
 */
export function createScrollFrame(table: HTMLElement, label: string): HTMLElement {
  const scroll = el('div', { class: 'table-scroll' }, table);
  const text = 'Scroll right for more columns →';
  const sign = el('p', { class: 'more-columns note', hidden: true, text });
  followOverflow(scroll, [scroll, table], (overflows) => {
    show(sign, overflows);
    setAttribute(scroll, 'role', overflows ? 'region' : null);
    setAttribute(scroll, 'aria-label', overflows ? label : null);
  });
  return el('div', { class: 'scroll-frame' }, sign, scroll);
}

/**
 * Marks an element that scrolls sideways: it can be reached by keys, and has a dashed edge where it goes
 * on out of sight.
 * @param watched  elements whose sizes decide whether it scrolls
 * @param onChange  told whether it does
 */
export function followOverflow(
  scroll: HTMLElement,
  watched: readonly Element[],
  onChange: (overflows: boolean) => void,
): void {
  const refresh = (): void => {
    const over = scroll.scrollWidth - scroll.clientWidth;
    scroll.classList.toggle('more-right', scroll.scrollLeft < over - 1);
    setAttribute(scroll, 'tabindex', over > 1 ? '0' : null);
    onChange(over > 1);
  };
  const watcher = new ResizeObserver(refresh);
  for (const element of watched) watcher.observe(element);
  scroll.addEventListener('scroll', refresh, { passive: true });
}
