import type { RunSnapshot } from '../../src/dashboard/model/runSnapshot.ts';
import { CandidateIndex } from '../data/candidateIndex.ts';
import { originTitles } from '../../src/protocol/runWords.ts';
import { lineageOf, type Ancestor } from '../data/lineage.ts';
import { el, onChange, show } from '../dom.ts';
import { formatFine, shortKey } from '../format.ts';
import { createShares } from './changedShare.ts';
import { createSubject } from './subject.ts';
import type { Page, View } from './view.ts';

/** Ancestors that are shown before the line is cut. */
const SHOWN = 8;

/** What the selected subnet came from: its parents, and how much was changed at each step. */
export function createLineageView(page: Page): View {
  const subject = createSubject();
  const index = new CandidateIndex();
  const line = el('ol', { class: 'lineage' });
  const lost = el('p', {
    class: 'note',
    text: 'Only the figures of older subnets are kept, so their changes are not known.',
  });
  const element = el(
    'section',
    { class: 'panel', aria: { label: 'Lineage' } },
    el('div', { class: 'panel-head' }, el('h2', { text: 'Lineage' })),
    line,
    lost,
  );
  let shown: { readonly run: RunSnapshot; readonly key: string } | undefined;
  const shares = createShares(page, () => {
    if (shown !== undefined) drawLine(shown.run, shown.key);
  });

  function drawLine(run: RunSnapshot, key: string): void {
    index.update(run.model.candidates);
    const ancestors = lineageOf(key, (wanted) => index.get(wanted));
    const visible = ancestors.slice(0, SHOWN);
    const changes = visible.map((ancestor) => shares.between(run.head.id, ancestor));
    const nodes = visible.map((ancestor, at) =>
      ancestorNode(ancestor, changes[at] ?? null, (chosen) => {
        page.choose({ subnet: chosen });
      }),
    );
    const left = ancestors.length - visible.length;
    const last = ancestors.at(-1)?.candidate.generation ?? 0;
    if (left > 0) {
      const words = `… ${left} more, back to generation ${last}`;
      nodes.push(el('li', { class: 'quiet', text: words }));
    }
    line.replaceChildren(...nodes);
    show(lost, changes.includes(null));
    show(element, nodes.length > 0);
  }

  // A line never changes: it is drawn again only for another subnet, or when its parents became known.
  const draw = onChange((key: string, known: boolean) => {
    void [key, known];
    if (shown !== undefined) drawLine(shown.run, shown.key);
  });
  return {
    element,
    update(state) {
      const found = subject(state);
      show(element, found !== null);
      if (found === null) return;
      shown = found;
      index.update(found.run.model.candidates);
      draw(found.key, index.get(found.key) !== undefined);
    },
    dispose: () => undefined,
  };
}

function ancestorNode(
  { candidate, parent, other }: Ancestor,
  share: string | null,
  choose: (key: string) => void,
): HTMLElement {
  const name = el('button', { class: 'link', attributes: { type: 'button' } });
  name.append(el('code', { text: shortKey(candidate.key) }));
  name.addEventListener('click', () => {
    choose(candidate.key);
  });
  const crossed = other === null || parent === null ? '' : ` with ${shortKey(other)}`;
  const how = `Generation ${candidate.generation} · ${originTitles[candidate.how]}${crossed}`;
  return el(
    'li',
    {},
    el(
      'div',
      { class: 'ancestor' },
      name,
      el('span', { class: 'ancestor-figure', text: formatFine(candidate.fitness) }),
    ),
    el('div', { class: 'quiet', text: how }),
    // Its place is kept, so that nothing moves when the masks have been compared.
    parent !== null &&
      share !== null &&
      el('div', { class: 'quiet', text: share === '' ? '\u00a0' : share }),
  );
}
