import { el } from '../dom.ts';

/** A row of choices of which one holds. */
export interface Segmented<T extends string> {
  readonly element: HTMLElement;
  /** Shows which one holds. */
  select(value: T): void;
  show(visible: boolean): void;
}

/**
 * Makes one. The arrow keys move the choice, as in every group of radio buttons.
 * @param label  what is chosen, for the screen reader
 */
export function createSegmented<T extends string>(
  label: string,
  choices: readonly { readonly value: T; readonly label: string }[],
  onSelect: (value: T) => void,
): Segmented<T> {
  const buttons = choices.map((choice) => {
    const button = el('button', {
      class: 'segment',
      role: 'radio',
      text: choice.label,
      attributes: { type: 'button' },
    });
    button.addEventListener('click', () => {
      onSelect(choice.value);
    });
    return button;
  });
  const element = el(
    'div',
    { class: 'segmented', role: 'radiogroup', aria: { label } },
    ...buttons,
  );
  element.addEventListener('keydown', (event) => {
    const step = STEPS[event.key];
    const at = buttons.findIndex((button) => button === event.target);
    if (step === undefined || at < 0) return;
    event.preventDefault();
    const next = (at + step + choices.length) % choices.length;
    buttons[next]?.focus();
    onSelect(choices[next]!.value);
  });
  return {
    element,
    select(value) {
      buttons.forEach((button, i) => {
        const chosen = choices[i]!.value === value;
        button.setAttribute('aria-checked', String(chosen));
        button.tabIndex = chosen ? 0 : -1;
      });
    },
    show(visible) {
      element.hidden = !visible;
    },
  };
}

const STEPS: Readonly<Record<string, number>> = {
  ArrowRight: 1,
  ArrowDown: 1,
  ArrowLeft: -1,
  ArrowUp: -1,
};
