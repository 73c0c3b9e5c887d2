import type { TextField } from '@vscode/webview-ui-toolkit';
import { setAttribute } from '../dom.ts';

/** A line of text that can be edited. */
export interface TextFieldControl {
  readonly element: HTMLElement;
  /** Does nothing while the user types in it. */
  set(value: string): void;
  enable(enabled: boolean): void;
}

/** Makes a text field. `onChange` is called when the user is done: on Enter, or on leaving it. */
export function createTextField(
  label: string,
  onChange: (value: string) => void,
): TextFieldControl {
  const element = document.createElement('vscode-text-field') as TextField;
  let wanted = '';
  const commit = (): void => {
    if (element.value === wanted) return;
    wanted = element.value;
    onChange(wanted);
  };
  element.addEventListener('change', commit);
  element.addEventListener('keydown', (event) => {
    if (event.key === 'Enter') commit();
    if (event.key === 'Escape') element.value = wanted;
  });
  return {
    element,
    set(value) {
      // When it is put into the page, the toolkit gives every field the same name.
      queueMicrotask(() => {
        setAttribute(element, 'aria-label', label);
      });
      wanted = value;
      if (document.activeElement !== element && element.value !== value) element.value = value;
    },
    enable(enabled) {
      element.disabled = !enabled;
    },
  };
}
