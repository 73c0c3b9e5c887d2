import type { UnitLayout } from '../../src/protocol/unitLayout.ts';
import { el } from '../dom.ts';
import { percent } from '../draw/ticks.ts';
import { keptShareOf } from './groups.ts';
import { spanOf, type UnitKind } from './units.ts';

const KINDS: readonly (readonly [UnitKind, string])[] = [
  ['qk', 'Query/key'],
  ['vo', 'Value/output'],
  ['mlp', 'Neurons'],
];

/** The overview as numbers: kept share of each layer by kind of unit, and of the layer as a whole. */
export function createTableTwin(
  bits: Uint8Array,
  layout: UnitLayout,
  onOpen: (layer: number) => void,
): HTMLTableElement {
  const heads = ['Block', ...KINDS.map(([, title]) => title), 'All units'];
  const head = el(
    'thead',
    {},
    el('tr', {}, ...heads.map((text) => el('th', { text, attributes: { scope: 'col' } }))),
  );
  const rows = Array.from({ length: layout.layers }, (_, layer) => {
    const spans = KINDS.map(([kind]) => spanOf(layout, kind));
    const figures = [...spans, { start: 0, end: layout.perLayer }].map((span) =>
      el('td', {
        text: span.end > span.start ? percent(keptShareOf(bits, layout, layer, span)) : '–',
      }),
    );
    const open = el('button', {
      class: 'heat-link',
      text: String(layer),
      aria: { label: `Open block ${layer}` },
      attributes: { type: 'button' },
    });
    open.addEventListener('click', () => {
      onOpen(layer);
    });
    return el('tr', {}, el('th', { attributes: { scope: 'row' } }, open), ...figures);
  });
  return el(
    'table',
    { class: 'heat-table' },
    el('caption', { text: 'Share of units kept in each block' }),
    head,
    el('tbody', {}, ...rows),
  );
}
