import type { Dropdown, Option } from '@vscode/webview-ui-toolkit';
import { el } from '../dom.ts';

/** What a dropdown offers. */
export interface DropdownOptions {
  readonly label: string;
  /** False keeps the label for screen readers alone. */
  readonly showLabel: boolean;
  /** Values with the words for them. */
  readonly choices: readonly (readonly [value: string, text: string])[];
  readonly onChoose: (value: string) => void;
}

/** A dropdown on the page. */
export interface DropdownControl {
  readonly element: HTMLElement;
  set(value: string): void;
  /** Offers something else; to be followed by `set`. What stays the same is not touched. */
  choices(choices: DropdownOptions['choices']): void;
  enable(enabled: boolean): void;
}

/** Makes a dropdown. */
export function createDropdown(options: DropdownOptions): DropdownControl {
  const box = document.createElement('vscode-dropdown') as Dropdown;
  box.setAttribute('aria-label', options.label);
  let offered: DropdownOptions['choices'] = [];
  const offer = (choices: DropdownOptions['choices']): void => {
    const same = choices.findIndex(([value], at) => value !== offered[at]?.[0]);
    const kept = same < 0 ? choices.length : same;
    for (const option of [...box.querySelectorAll('vscode-option')].slice(kept)) option.remove();
    for (const [value, text] of choices.slice(kept)) {
      const option = document.createElement('vscode-option') as Option;
      option.value = value;
      option.textContent = text;
      box.append(option);
    }
    offered = choices;
  };
  offer(options.choices);
  let wanted = options.choices[0]?.[0] ?? '';
  box.addEventListener('change', () => {
    if (box.value === wanted) return;
    wanted = box.value;
    options.onChoose(wanted);
  });
  const apply = (): void => {
    if (box.value !== wanted) box.value = wanted;
  };
  const element = el('span', { class: 'labelled' });
  if (options.showLabel) {
    element.append(el('span', { class: 'label', text: options.label, aria: { hidden: 'true' } }));
  }
  element.append(box);
  return {
    element,
    set(value) {
      wanted = value;
      // The toolkit takes up its options a moment after they were put in.
      apply();
      queueMicrotask(apply);
      requestAnimationFrame(apply);
    },
    choices: offer,
    enable(enabled) {
      box.disabled = !enabled;
    },
  };
}
