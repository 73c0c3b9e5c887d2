import type { Button } from '@vscode/webview-ui-toolkit';
import { icon, setAttribute } from '../dom.ts';

/** What a button is. */
export interface ButtonOptions {
  readonly label: string;
  /** Name of a codicon. */
  readonly icon?: string;
  /** `icon` shows the icon alone; the label is then what is hovered and spoken. */
  readonly look: 'primary' | 'secondary' | 'icon';
  readonly onPress: () => void;
}

/** A button on the page. */
export interface ButtonControl {
  readonly element: HTMLElement;
  /** A disabled button says why when it is hovered. */
  enable(enabled: boolean, whyNot?: string): void;
  /** For a button that is on or off. */
  press(pressed: boolean): void;
}

/** Makes a button. */
export function createButton(options: ButtonOptions): ButtonControl {
  const element = document.createElement('vscode-button') as Button;
  const { label, look } = options;
  if (look === 'icon') {
    element.setAttribute('aria-label', label);
    element.title = label;
    if (options.icon !== undefined) element.append(icon(options.icon));
  } else {
    if (options.icon !== undefined) {
      const start = icon(options.icon);
      start.slot = 'start';
      element.append(start);
    }
    element.append(label);
  }
  element.setAttribute('appearance', look);
  element.addEventListener('click', () => {
    if (!element.disabled) options.onPress();
  });
  return {
    element,
    enable(enabled, whyNot = '') {
      if (element.disabled === enabled) element.disabled = !enabled;
      const title = enabled ? (look === 'icon' ? label : '') : whyNot || label;
      if (element.title !== title) element.title = title;
    },
    press(pressed) {
      setAttribute(element, 'aria-pressed', String(pressed));
      element.classList.toggle('pressed', pressed);
    },
  };
}
