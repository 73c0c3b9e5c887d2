import type { Checkbox } from '@vscode/webview-ui-toolkit';
import { setAttribute } from '../dom.ts';

/** A box that is ticked or not. */
export interface CheckboxControl {
  readonly element: HTMLElement;
  set(checked: boolean): void;
  enable(enabled: boolean): void;
}

/**
 * Makes a checkbox.
 * @param label  beside it
 * @param name  for screen readers, where the label alone would not tell
 */
export function createCheckbox(
  label: string,
  onChange: (checked: boolean) => void,
  name = label,
): CheckboxControl {
  const element = document.createElement('vscode-checkbox') as Checkbox;
  element.textContent = label;
  let wanted = false;
  element.addEventListener('change', () => {
    if (element.checked === wanted) return;
    wanted = element.checked;
    onChange(wanted);
  });
  return {
    element,
    set(checked) {
      // When it is put into the page, the toolkit names it by its label.
      queueMicrotask(() => {
        setAttribute(element, 'aria-label', name);
      });
      wanted = checked;
      if (element.checked !== checked) element.checked = checked;
    },
    enable(enabled) {
      element.disabled = !enabled;
    },
  };
}
