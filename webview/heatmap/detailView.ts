import { el } from '../dom.ts';
import type { UnitSource } from './unitSource.ts';

/** One layer. */
export interface DetailView {
  readonly element: HTMLElement;
  show(scene: unknown): void;
  focus(): void;
  dispose(): void;
}

/** Makes it. */
export function createDetailView(_: {
  source: UnitSource;
  announce(text: string): void;
  onClose(): void;
  onLayer(layer: number): void;
}): DetailView {
  return {
    element: el('div', {}),
    show: () => undefined,
    focus: () => undefined,
    dispose: () => undefined,
  };
}
