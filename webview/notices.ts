import { createButton } from './controls/button.ts';
import { el, icon, show } from './dom.ts';

/** How the page speaks: politely to screen readers, and in a line that can be dismissed. */
export interface Notices {
  readonly element: HTMLElement;
  /** The polite live region. */
  readonly live: HTMLElement;
  announce(text: string): void;
  /** Shows what went wrong until it is dismissed or replaced. */
  complain(text: string): void;
}

/** Makes both. */
export function createNotices(): Notices {
  const live = el('div', { class: 'spoken', aria: { live: 'polite' }, role: 'status' });
  const words = el('p');
  const close = createButton({
    ...{ label: 'Dismiss', icon: 'close', look: 'icon' },
    onPress: () => {
      show(element, false);
    },
  });
  const element = el(
    'div',
    { class: 'notice', role: 'alert', hidden: true },
    icon('warning'),
    words,
    close.element,
  );
  return {
    element,
    live,
    announce(text) {
      live.textContent = text;
    },
    complain(text) {
      words.textContent = text;
      show(element, true);
    },
  };
}
