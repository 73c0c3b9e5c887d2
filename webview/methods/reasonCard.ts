import { el, setText, show } from '../dom.ts';

/**
 * Shows beside a cell why it was left out, while the pointer is over it or it has the focus; Escape
 * takes the words away. Screen readers find them in the cell.
 * @param root  holds the cells, now or later: those with `data-why`
 */
export function listenForReasons(root: HTMLElement): void {
  const card = el('div', { class: 'reason-card', hidden: true, aria: { hidden: 'true' } });
  root.append(card);
  let shown: HTMLElement | null = null;
  const place = (): void => {
    if (shown === null) return;
    const { left, right, bottom, top } = shown.getBoundingClientRect();
    const { offsetWidth, offsetHeight } = card;
    const wanted = (left + right - offsetWidth) / 2;
    const x = Math.max(8, Math.min(innerWidth - offsetWidth - 8, wanted));
    const y = bottom + 6 + offsetHeight <= innerHeight ? bottom + 6 : top - 6 - offsetHeight;
    card.style.transform = `translate(${Math.round(x)}px, ${Math.round(y)}px)`;
  };
  const showFor = (cell: HTMLElement | null): void => {
    shown = cell;
    show(card, cell !== null);
    if (cell === null) return;
    setText(card, cell.dataset['why'] ?? '');
    place();
  };
  const showOf = ({ target }: Event): void => {
    showFor(target instanceof Element ? target.closest<HTMLElement>('[data-why]') : null);
  };
  const hide = (): void => {
    showFor(null);
  };
  root.addEventListener('pointerover', showOf);
  root.addEventListener('pointerleave', hide);
  root.addEventListener('focusin', showOf);
  root.addEventListener('focusout', hide);
  root.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') hide();
  });
  // A cell that takes the focus is scrolled into sight after that.
  addEventListener('scroll', place, { capture: true, passive: true });
}
