import { el } from '../dom.ts';
import type { State } from '../store.ts';
import type { View } from './view.ts';

/**
 * A view whose code is read when it is first needed, so that no dashboard waits for code of a page
 * that nobody opened.
 * @param load  reads the code and makes the view
 * @param isNeeded  whether a state has anything for it; its code is read with the first that has
 */
export function createLazyView(
  load: () => Promise<View>,
  isNeeded: (state: State) => boolean = () => true,
): View {
  const element = el('div', { class: 'lazy' });
  let isAsked = false;
  let view: View | undefined;
  let newest: State | undefined;
  let isDisposed = false;
  const ask = (): void => {
    isAsked = true;
    element.setAttribute('aria-busy', 'true');
    load().then(
      (loaded) => {
        if (isDisposed) return loaded.dispose();
        view = loaded;
        element.replaceChildren(loaded.element);
        element.removeAttribute('aria-busy');
        if (newest !== undefined) loaded.update(newest);
      },
      (error: unknown) => {
        const why = error instanceof Error ? error.message : String(error);
        const text = `This part of the dashboard could not be read: ${why} Reload the window.`;
        element.replaceChildren(el('p', { text, role: 'alert' }));
      },
    );
  };
  return {
    element,
    update(state) {
      newest = state;
      if (!isAsked && isNeeded(state)) ask();
      view?.update(state);
    },
    dispose() {
      isDisposed = true;
      view?.dispose();
    },
  };
}
