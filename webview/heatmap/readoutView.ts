import { el, setText } from '../dom.ts';

/** The line below a picture that says what the cursor is on. */
export interface ReadoutView {
  readonly element: HTMLElement;
  /** @param spoken  whether a screen reader should say it too */
  show(text: string, spoken: boolean): void;
  /** Puts a newer text about the same thing; what is about to be spoken is then this. */
  renew(text: string): void;
  dispose(): void;
}

/** A held arrow key says only where it stops. */
const QUIET_MS = 200;

/**
 * Makes a readout.
 * @param hint  what it says at first
 */
export function createReadout(announce: (text: string) => void, hint: string): ReadoutView {
  // What is spoken goes through the page's live region, so that hovering stays silent.
  const element = el('div', { class: 'heat-readout', text: hint, aria: { hidden: 'true' } });
  let timer: ReturnType<typeof setTimeout> | undefined;
  return {
    element,
    show(text, spoken) {
      setText(element, text);
      clearTimeout(timer);
      if (!spoken) return;
      timer = setTimeout(() => {
        announce(element.textContent);
      }, QUIET_MS);
    },
    renew(text) {
      setText(element, text);
    },
    dispose() {
      clearTimeout(timer);
    },
  };
}
