import { el } from '../dom.ts';
import type { State } from '../store.ts';
import type { View } from './view.ts';

/**
 * A view whose code is read when it is first needed, so that no dashboard waits for code of a page
 * that nobody opened.
 * @param load  reads the code and makes the view
 */
export function createLazyView(load: () => Promise<View>): View {
  const element = el('div', { class: 'lazy', aria: { busy: 'true' } });
  let view: View | undefined;
  let newest: State | undefined;
  let isDisposed = false;
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
  return {
    element,
    update(state) {
      newest = state;
      view?.update(state);
    },
    dispose() {
      isDisposed = true;
      view?.dispose();
    },
  };
}
