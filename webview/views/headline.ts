import type { RunSnapshot } from '../../src/dashboard/model/runSnapshot.ts';
import type { Figure } from '../../src/protocol/runRecord.ts';
import { figureWords, outcomeOf } from '../data/quality.ts';
import { el, setText, show } from '../dom.ts';
import {
  formatBytes,
  formatChange,
  formatLarge,
  formatMs,
  formatScore,
  UNKNOWN,
} from '../format.ts';

/** Figures of the headline, with what is good about them. */
const tiles: readonly {
  readonly label: string;
  readonly of: (figure: Figure) => number;
  readonly format: (value: number) => string;
}[] = [
  { label: 'Held-out perplexity', of: (figure) => figure.perplexity, format: formatScore },
  { label: 'Parameters', of: (figure) => figure.params, format: formatLarge },
  { label: 'Size on disk', of: (figure) => figure.bytes, format: formatBytes },
  { label: 'Prefill', of: (figure) => figure.prefillMs, format: formatMs },
  { label: 'Decoded token', of: (figure) => figure.decodeMs, format: formatMs },
];

/** The dense model beside what the run made of it, in five figures. */
export function createHeadline(): {
  readonly element: HTMLElement;
  update(run: RunSnapshot): void;
} {
  const parts = tiles.map((tile) => {
    const value = el('span', { class: 'tile-value' });
    const change = el('span', { class: 'tile-change' });
    const from = el('span', { class: 'tile-from' });
    const element = el(
      'div',
      { class: 'tile' },
      el('dt', { text: tile.label }),
      el('dd', {}, el('span', { class: 'tile-line' }, value, change), from),
    );
    return { tile, element, value, change, from };
  });
  const element = el('dl', { class: 'headline' }, ...parts.map((part) => part.element));
  return {
    element,
    update(run) {
      const dense = run.model.figures.dense ?? null;
      const outcome = outcomeOf(run);
      const ended = run.model.state === 'finished';
      show(element, dense !== null || outcome !== null || !ended);
      for (const { tile, value, change, from } of parts) {
        const before = dense === null ? null : tile.of(dense);
        const after = outcome === null ? null : tile.of(outcome.figure);
        setText(value, after === null ? UNKNOWN : tile.format(after));
        setText(change, before === null || after === null ? '' : formatChange(before, after));
        const name = outcome === null ? '' : `${figureWords[outcome.name].toLowerCase()}, `;
        const known = before === null ? 'not measured yet' : `${name}from ${tile.format(before)}`;
        setText(from, known);
      }
    },
  };
}
