import type { RunSnapshot } from '../../src/dashboard/model/runSnapshot.ts';
import type { PanelAction } from '../../src/protocol/panelApi.ts';
import { createButton } from '../controls/button.ts';
import { CandidateIndex } from '../data/candidateIndex.ts';
import { SearchProgress } from '../data/searchProgress.ts';
import { lineageOf, originWords, type Ancestor } from '../data/lineage.ts';
import { figureWords } from '../data/quality.ts';
import { heldOutOf, rowOf, type SubnetRow } from '../data/subnetRows.ts';
import { namedMasks } from '../../src/dashboard/model/runSnapshot.ts';
import { el, onChange, setText, show } from '../dom.ts';
import {
  formatBytes,
  formatChange,
  formatLarge,
  formatMs,
  formatScore,
  formatShare,
  shortKey,
} from '../format.ts';
import { firstRun } from '../store.ts';
import { createShares } from './changedShare.ts';
import type { Page, View } from './view.ts';

/** Generations of a line that are shown before it is cut. */
const SHOWN = 8;

/** The selected subnet: figures, actions, and what it came from. */
export function createSelectedView(page: Page): View {
  const index = new CandidateIndex();
  const progress = new SearchProgress();
  const title = el('h2');
  const tags = el('span', { class: 'tags' });
  const figures = el('dl', { class: 'pairs' });
  const line = el('ol', { class: 'lineage' });
  const hint = el('p', {
    class: 'empty-words',
    text: 'The best subnet will stand here with its figures, its parents and what can be done with it. Select a point of the plot or a row of the table for another.',
  });
  let run = '';
  let key = '';
  const act = (action: PanelAction) => (): void => {
    page.act(run, action, key);
  };
  const buttons = actions.map(([action, label, icon]) =>
    createButton({ label, icon, look: 'secondary', onPress: act(action) }),
  );
  const diff = createButton({
    ...{ label: 'Diff', icon: 'diff', look: 'secondary' },
    onPress: () => {
      page.choose({ compared: lastCompared === key ? null : key });
    },
  });
  let lastCompared: string | null = null;
  const compared = el('p', { class: 'note' });
  const lineTitle = el('h3', { text: 'Where does it come from?' });
  const body = el(
    'div',
    { class: 'selected-body' },
    figures,
    el('div', { class: 'actions wrap' }, ...buttons.map(({ element }) => element), diff.element),
    compared,
    lineTitle,
    line,
  );
  const element = el(
    'section',
    { class: 'panel selected', aria: { label: 'Selected subnet' } },
    el('div', { class: 'panel-head' }, title, tags),
    hint,
    body,
  );
  const shares = createShares(page, () => {
    if (shown !== undefined) drawLine(shown);
  });
  let shown: RunSnapshot | undefined;

  function drawLine(from: RunSnapshot): void {
    index.update(from.model.candidates);
    const ancestors = lineageOf(key, (wanted) => index.get(wanted));
    const visible = ancestors.slice(0, SHOWN);
    line.replaceChildren(
      ...visible.map((ancestor) =>
        ancestorNode(ancestor, shares.between(run, ancestor), (chosen) => {
          page.choose({ subnet: chosen });
        }),
      ),
    );
    const left = ancestors.length - visible.length;
    if (left > 0) {
      const last = ancestors.at(-1)!.candidate;
      line.append(
        el('li', { class: 'quiet', text: `… ${left} more, back to generation ${last.generation}` }),
      );
    }
    show(line, ancestors.length > 0);
    show(lineTitle, ancestors.length > 0);
  }

  const draw = onChange(
    (model: RunSnapshot['model'], masks: RunSnapshot['masks'], subnet: string, chosen: boolean) => {
      void masks;
      if (shown === undefined) return;
      index.update(model.candidates);
      const names = namedMasks.filter((name) => shown?.masks[name] === subnet);
      const row = rowOf(shown, subnet, index.get(subnet) ?? null, names);
      setText(title, `${chosen ? 'Subnet' : 'Best subnet'} ${shortKey(subnet)}`);
      tags.replaceChildren(
        ...names.map((name) => el('span', { class: 'tag', text: figureWords[name] })),
      );
      figures.replaceChildren(
        ...figuresOf(shown, row).flatMap(([label, value]) => [
          el('dt', { text: label }),
          el('dd', { text: value }),
        ]),
      );
      drawLine(shown);
    },
  );

  return {
    element,
    update(state) {
      shown = firstRun(state);
      if (shown === undefined) return;
      run = shown.head.id;
      const { compared: other } = state.selection;
      progress.update(shown.model.candidates);
      const subnet = state.selection.subnet ?? shown.masks.searched ?? progress.best?.key ?? null;
      show(hint, subnet === null);
      show(body, subnet !== null);
      lastCompared = other;
      if (subnet === null) {
        setText(title, 'Selected subnet');
        tags.replaceChildren();
        return;
      }
      key = subnet;
      const busy = state.standing[run]?.busyWith ?? null;
      const why = state.canRun ? `Busy with ${busy ?? ''}` : state.whyNot;
      const works = state.canRun && busy === null && state.removed.length === 0;
      buttons.forEach((button, at) => {
        button.enable(works || !needsEngine.has(actions[at]![0]), why);
      });
      diff.press(other === subnet);
      setText(compared, comparedWords(subnet, other));
      draw(shown.model, shown.masks, subnet, state.selection.subnet !== null);
    },
    dispose: () => undefined,
  };
}

const actions: readonly (readonly [PanelAction, string, string])[] = [
  ['reform', 'Reform', 'sparkle'],
  ['evaluate', 'Evaluate', 'beaker'],
  ['export', 'Export', 'package'],
  ['openSubnetBeside', 'Open Config Beside', 'split-horizontal'],
  ['insertLoader', 'Insert Loader', 'insert'],
];
const needsEngine: ReadonlySet<PanelAction> = new Set(['reform', 'evaluate', 'export']);

function comparedWords(subnet: string, other: string | null): string {
  if (other === null) return 'Diff sets this subnet as the one others are compared with in Masks.';
  if (other === subnet)
    return 'Others are compared with this subnet: select another, then open Masks.';
  return `Compared with ${shortKey(other)} in Masks.`;
}

function figuresOf(run: RunSnapshot, row: SubnetRow): [string, string][] {
  const { candidate } = row;
  const figure = row.reformed ?? row.figure;
  const blocks = run.head.model?.blockParams;
  const params = candidate?.params ?? figure?.blockParams;
  const held = heldOutOf(row);
  const pairs: [string, string][] = [];
  if (candidate !== null) pairs.push(['Fitness', formatScore(candidate.fitness)]);
  if (params !== undefined) {
    const share = blocks === undefined || blocks === 0 ? '' : `, ${formatShare(params / blocks)}`;
    pairs.push(['Block parameters', `${formatLarge(params)}${share}`]);
  }
  const dense = run.model.figures.dense?.perplexity;
  const change = held === null || dense === undefined ? '' : `, ${formatChange(dense, held)}`;
  pairs.push([
    'Held-out perplexity',
    held === null ? 'not measured' : `${formatScore(held)}${change}`,
  ]);
  if (figure !== null) {
    pairs.push(['Size on disk', formatBytes(figure.bytes)]);
    pairs.push(
      ['Prefill', formatMs(figure.prefillMs)],
      ['Decoded token', formatMs(figure.decodeMs)],
    );
  }
  return pairs;
}

function ancestorNode(
  { candidate, parent, other }: Ancestor,
  share: string,
  choose: (key: string) => void,
): HTMLElement {
  const name = el('button', { class: 'link', attributes: { type: 'button' } });
  name.append(el('code', { text: shortKey(candidate.key) }));
  name.addEventListener('click', () => {
    choose(candidate.key);
  });
  const how = originWords[candidate.how];
  const crossed = other === null || parent === null ? '' : ` with ${shortKey(other)}`;
  return el(
    'li',
    {},
    el(
      'div',
      { class: 'ancestor' },
      name,
      el('span', { class: 'ancestor-figure', text: formatScore(candidate.fitness) }),
    ),
    el('div', { class: 'quiet', text: `Generation ${candidate.generation} · ${how}${crossed}` }),
    share !== '' && el('div', { class: 'quiet', text: share }),
  );
}
