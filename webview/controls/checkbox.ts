import type { Checkbox } from '@vscode/webview-ui-toolkit';

/** A box that is ticked or not. */
export interface CheckboxControl {
  readonly element: HTMLElement;
  set(checked: boolean): void;
  enable(enabled: boolean): void;
}

/** Makes a checkbox. @param label  beside it; empty when the page names it otherwise */
export function createCheckbox(
  label: string,
  onChange: (checked: boolean) => void,
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
      wanted = checked;
      if (element.checked !== checked) element.checked = checked;
    },
    enable(enabled) {
      element.disabled = !enabled;
    },
  };
}
