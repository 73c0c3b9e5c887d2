import { el, setText, show } from '../dom.ts';

/**
 * Shows beside a cell why it was left out, while the pointer is over it or it has the focus; Escape
 * takes the words away. Screen readers find them in the cell.
 * @param root  holds the cells, now or later: those with `data-why`
 */
export function listenForReasons(root: HTMLElement): void {
  const card = el('div', { class: 'reason-card', hidden: true, aria: { hidden: 'true' } });
  root.append(card);
  const showFor = (event: Event): void => {
    const cell =
      event.target instanceof Element ? event.target.closest<HTMLElement>('[data-why]') : null;
    if (cell === null) return show(card, false);
    setText(card, cell.dataset['why'] ?? '');
    show(card, true);
    const { left, right, bottom, top } = cell.getBoundingClientRect();
    const { offsetWidth, offsetHeight } = card;
    const wanted = (left + right - offsetWidth) / 2;
    const x = Math.max(8, Math.min(innerWidth - offsetWidth - 8, wanted));
    const y = bottom + 6 + offsetHeight <= innerHeight ? bottom + 6 : top - 6 - offsetHeight;
    card.style.transform = `translate(${Math.round(x)}px, ${Math.round(y)}px)`;
  };
  const hide = (): void => {
    show(card, false);
  };
  root.addEventListener('pointerover', showFor);
  root.addEventListener('pointerleave', hide);
  root.addEventListener('focusin', showFor);
  root.addEventListener('focusout', hide);
  root.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') hide();
  });
  // A card that stays where it is while its cell moves away would name another one.
  addEventListener('scroll', hide, { capture: true, passive: true });
}
