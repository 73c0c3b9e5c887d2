import { namedMasks, type RunSnapshot } from '../../src/dashboard/model/runSnapshot.ts';
import type { PanelAction } from '../../src/protocol/panelApi.ts';
import { perplexityValue } from '../../src/protocol/perplexity.ts';
import { speedAgainstDense } from '../../src/protocol/speedChange.ts';
import { speedText, timeText } from '../data/speedText.ts';
import { createButton } from '../controls/button.ts';
import { CandidateIndex } from '../data/candidateIndex.ts';
import { figureTitles } from '../../src/protocol/runWords.ts';
import { heldOutOf, rowOf, type SubnetRow } from '../data/subnetRows.ts';
import { el, onChange, setText, show } from '../dom.ts';
import {
  formatBytes,
  formatChange,
  formatLarge,
  formatScore,
  formatShare,
  shortKey,
} from '../format.ts';
import { fitnessName } from './fitnessName.ts';
import { createSubject } from './subject.ts';
import type { Page, View } from './view.ts';

/** The selected subnet, or the best: its figures, and what can be done with it. */
export function createSelectedView(page: Page): View {
  const subject = createSubject();
  const index = new CandidateIndex();
  const title = el('h2', { text: 'Selected subnet' });
  const tags = el('span', { class: 'tags' });
  const figures = el('dl', { class: 'pairs' });
  const compared = el('p', { class: 'note' });
  const hint = el('p', {
    class: 'empty-words',
    text: 'The best subnet is shown here with its figures and what can be done with it. Select a point of the plot or a row of the table to see another.',
  });
  let run = '';
  let key = '';
  let other: string | null = null;
  const buttons = actions.map(([action, label, icon]) => ({
    action,
    ...createButton({
      ...{ label, icon, look: 'secondary' },
      onPress: () => {
        page.act(run, action, key);
      },
    }),
  }));
  const diff = createButton({
    ...{ label: 'Diff', icon: 'diff', look: 'secondary' },
    onPress: () => {
      page.choose({ compared: other === key ? null : key, maskMode: null });
    },
  });
  const body = el(
    'div',
    { class: 'selected-body' },
    figures,
    el('div', { class: 'actions wrap' }, ...buttons.map(({ element }) => element), diff.element),
    compared,
  );
  const element = el(
    'section',
    { class: 'panel selected', aria: { label: 'Selected subnet' } },
    el('div', { class: 'panel-head' }, title, tags),
    hint,
    body,
  );
  let shown: RunSnapshot | undefined;
  const draw = onChange(
    (
      ...[model, masks, subnet, chosen]: readonly [
        RunSnapshot['model'],
        RunSnapshot['masks'],
        string,
        boolean,
      ]
    ) => {
      if (shown === undefined) return;
      index.update(model.candidates);
      const names = namedMasks.filter((name) => masks[name] === subnet);
      const row = rowOf(shown, subnet, index.get(subnet) ?? null, names);
      setText(title, `${chosen ? 'Subnet' : 'Best subnet'} ${shortKey(subnet)}`);
      tags.replaceChildren(
        ...names.map((name) => el('span', { class: 'tag', text: figureTitles[name] })),
      );
      figures.replaceChildren(
        ...figuresOf(shown, row).flatMap(([label, value]) => [
          el('dt', { text: label }),
          el('dd', { text: value }),
        ]),
      );
    },
  );
  return {
    element,
    update(state) {
      const found = subject(state);
      show(hint, found === null);
      show(body, found !== null);
      if (found === null) return;
      ({ key } = found);
      shown = found.run;
      run = shown.head.id;
      other = state.selection.compared;
      const busy = state.standing[run]?.busyWith ?? null;
      const why = state.canRun ? `Busy: ${busy ?? 'the folder of the run is gone'}` : state.whyNot;
      const works = state.canRun && busy === null && !state.removed.includes(run);
      for (const button of buttons) button.enable(works || !needsEngine.has(button.action), why);
      diff.press(other === key);
      setText(compared, comparedWords(key, other));
      draw(shown.model, shown.masks, key, found.chosen);
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

const timed = [
  ['Prefill', 'prefill'],
  ['Decoded token', 'decode'],
] as const;

function comparedWords(subnet: string, other: string | null): string {
  if (other === null) return 'Diff: compare others with this subnet in Masks.';
  if (other === subnet) {
    return 'Others are compared with this subnet: select another, then open Masks.';
  }
  return `Compared with ${shortKey(other)} in Masks.`;
}

function figuresOf(run: RunSnapshot, row: SubnetRow): [string, string][] {
  const { candidate } = row;
  const figure = row.reformed ?? row.figure;
  const blocks = run.head.model?.blockParams ?? 0;
  const params = candidate?.params ?? figure?.blockParams;
  const held = heldOutOf(row);
  const pairs: [string, string][] = [];
  if (candidate !== null) pairs.push([fitnessName(run), formatScore(candidate.fitness)]);
  if (params !== undefined) {
    const share = blocks === 0 ? '' : `, ${formatShare(params / blocks)}`;
    pairs.push(['Block parameters', `${formatLarge(params)}${share}`]);
  }
  const { dense } = run.model.figures;
  const change =
    held === null || dense === undefined
      ? ''
      : `, ${formatChange(perplexityValue(dense.perplexity), held)}`;
  const words = held === null ? 'not evaluated' : `${formatScore(held)}${change}`;
  pairs.push(['Held-out perplexity', words]);
  if (figure !== null) {
    pairs.push(['Size on disk', formatBytes(figure.bytes)]);
    for (const [label, step] of timed) {
      const speed = speedText(speedAgainstDense(step, figure.timing));
      pairs.push([label, `${timeText(step, figure)}${speed === '' ? '' : `, ${speed}`}`]);
    }
  }
  return pairs;
}
