import { el, setText } from '../dom.ts';
import type { UnitKind } from './units.ts';

/** The kinds of units and what they are called in a heading. */
export const KINDS: readonly (readonly [UnitKind, string])[] = [
  ['qk', 'Query/key'],
  ['vo', 'Value/output'],
  ['mlp', 'Neurons'],
];

/** What the bars above a layer say. */
export interface ToolsState {
  readonly title: string;
  readonly summary: string;
  readonly isFirst: boolean;
  readonly isLast: boolean;
  readonly sorted: boolean;
  readonly canSort: boolean;
  readonly canRetry: boolean;
}

/** What the bars tell. */
export interface ToolsEvents {
  readonly onClose: () => void;
  /** To the layer after (1) or before (-1). */
  readonly onStep: (by: 1 | -1) => void;
  /** Fill the view with a kind of units; null = all. */
  readonly onKind: (kind: UnitKind | null) => void;
  readonly onZoom: (factor: number) => void;
  readonly onSort: () => void;
  readonly onRetry: () => void;
}

/** The bars above the picture of a layer. */
export interface DetailTools {
  readonly elements: readonly HTMLElement[];
  show(state: ToolsState): void;
}

/** Makes the bars above the picture of a layer. */
export function createDetailTools(events: ToolsEvents): DetailTools {
  const step = (text: string, label: string, by: 1 | -1): HTMLButtonElement =>
    button(text, label, () => {
      events.onStep(by);
    });
  const zoom = (text: string, label: string, factor: number): HTMLButtonElement =>
    button(text, label, () => {
      events.onZoom(factor);
    });
  const kind = (text: string, of: UnitKind | null): HTMLButtonElement =>
    button(text, '', () => {
      events.onKind(of);
    });
  const back = button('← All blocks', '', events.onClose);
  const title = el('h3', { class: 'heat-title' });
  const summary = el('span', { class: 'heat-summary' });
  const [before, after] = [step('‹', 'Previous block', -1), step('›', 'Next block', 1)];
  const kinds = [kind('All', null), ...KINDS.map(([of, text]) => kind(text, of))];
  const zooms = [zoom('−', 'Zoom out', 0.5), zoom('+', 'Zoom in', 2)];
  const sort = button('Sort by importance', '', events.onSort);
  const retry = button('Try again', '', events.onRetry);
  return {
    elements: [
      el('div', { class: 'heat-bar' }, back, title, summary, group('', [before, after])),
      el('div', { class: 'heat-bar' }, group('Show', kinds), group('Zoom', zooms), sort, retry),
    ],
    show(state) {
      setText(title, state.title);
      setText(summary, state.summary);
      before.disabled = state.isFirst;
      after.disabled = state.isLast;
      sort.setAttribute('aria-pressed', String(state.sorted));
      sort.disabled = !state.canSort;
      retry.hidden = !state.canRetry;
    },
  };
}

function button(text: string, label: string, onPress: () => void): HTMLButtonElement {
  const node = el('button', { class: 'heat-button', text, attributes: { type: 'button' } });
  if (label !== '') node.setAttribute('aria-label', label);
  node.addEventListener('click', onPress);
  return node;
}

function group(label: string, buttons: readonly HTMLElement[]): HTMLElement {
  return el(
    'span',
    { class: 'heat-group' },
    label === '' ? null : el('span', { class: 'heat-note', text: label }),
    el('span', { class: 'segmented' }, ...buttons),
  );
}
