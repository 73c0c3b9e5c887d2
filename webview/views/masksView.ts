import type { RunSnapshot } from '../../src/dashboard/model/runSnapshot.ts';
import type { MaskRef } from '../../src/protocol/panelApi.ts';
import { isOfLevels } from '../../src/dashboard/model/runPlan.ts';
import { unitLayout } from '../../src/protocol/unitLayout.ts';
import { comparedRuns } from '../compare/comparedRuns.ts';
import { createDropdown } from '../controls/dropdown.ts';
import { createHeatmapView, type HeatmapView } from '../heatmap/heatmapView.ts';
import { el, setText, show } from '../dom.ts';
import { scoreUnit } from '../data/scoreUnit.ts';
import { shortKey } from '../format.ts';
import { firstRun, type State } from '../store.ts';
import type { Page, View } from './view.ts';

/** Which units stay, block by block: the pictures of the masks. */
export function createMasksView(page: Page): View {
  const root = el('div', { class: 'masks-root' });
  const element = el(
    'section',
    { class: 'panel masks', aria: { label: 'Masks' } },
    el('h2', { class: 'spoken', text: 'Masks' }),
    root,
  );
  let view: HeatmapView | undefined;
  let against = 0;
  let last: State | undefined;
  const tools = el('div', { class: 'masks-tools' });
  const note = el('p', { class: 'note' });
  root.before(tools, note);
  /** Offers the choice of a run to compare with, where there is more than one. */
  function offerRuns(names: readonly string[]): void {
    if (names.length < 2 || tools.firstChild !== null) return;
    const box = createDropdown({
      ...{ label: 'Compared with', showLabel: true },
      choices: names.map((name, at) => [String(at), name] as const),
      onChoose: (value) => {
        against = Number(value);
        if (last !== undefined) update(last);
      },
    });
    tools.append(box.element);
  }
  return {
    element,
    update,
    dispose() {
      view?.dispose();
    },
  };

  function update(state: State): void {
    last = state;
    const run = firstRun(state);
    if (run === undefined) return;
    view ??= createHeatmapView(root, {
      ...page.masks,
      palette: state.palette,
      onPlace: ({ mode, layer }) => {
        page.choose({ maskMode: mode, maskLayer: layer });
      },
    });
    const others = comparedRuns(state).slice(1);
    offerRuns(others.map(({ head }) => head.name));
    const other = others[against];
    const subject = subjectOf(run, state);
    const reference = other === undefined ? referenceOf(run, state) : comparable(run, other);
    const { maskMode, maskLayer, compared } = state.selection;
    const compares = other !== undefined || compared !== null;
    const apart = other !== undefined && reference === null;
    const words = apart
      ? `The masks of ${other.head.name} cannot be laid over these: its model has other units, or no mask is known yet.`
      : isOfLevels(run.head.config)
        ? ROTATED
        : '';
    setText(note, words);
    show(note, words !== '');
    view.update({
      run: run.head.id,
      model: run.head.model,
      subject: subject?.mask ?? null,
      subjectName: subject?.name ?? '',
      reference: reference?.mask ?? null,
      referenceName: reference?.name ?? '',
      generation: run.model.generations.length,
      hasScores: run.hasScores,
      scoreUnit: scoreUnit(run.head.config),
      themeVersion: page.themeVersion(),
      mode: maskMode ?? (reference !== null && compares ? 'difference' : 'mask'),
      layer: maskLayer,
    });
  }
}

/** What the columns "VO" are in a run of levels. */
const ROTATED =
  'Value dimensions (VO) are those of a basis of each head that orders them: of a head, the first ones are kept. The random subnet has those of the model.';

interface Named {
  readonly mask: MaskRef;
  readonly name: string;
}

/** The best of another run; null when its model has other units, so that nothing lies over another. */
function comparable(run: RunSnapshot, other: RunSnapshot): Named | null {
  const [one, two] = [run.head.model, other.head.model];
  if (one === null || two === null) return null;
  const same = JSON.stringify(unitLayout(one)) === JSON.stringify(unitLayout(two));
  return same ? bestOf(other) : null;
}

/** The selected subnet; while none is, the best there is. */
function subjectOf(run: RunSnapshot, { selection, order }: State): Named | null {
  const { subnet } = selection;
  if (subnet !== null && order.length === 1) {
    return { mask: { kind: 'candidate', key: subnet }, name: `subnet ${shortKey(subnet)}` };
  }
  const best = bestOf(run);
  return best === null || order.length > 1 ? best : { ...best, name: 'the best subnet' };
}

function referenceOf(run: RunSnapshot, { selection }: State): Named | null {
  const { compared } = selection;
  if (compared !== null) {
    return { mask: { kind: 'candidate', key: compared }, name: `subnet ${shortKey(compared)}` };
  }
  if (run.masks.initialised === undefined) return null;
  return { mask: { kind: 'named', name: 'initialised' }, name: 'the initial subnet' };
}

/** The best subnet of a run, by its key, so that it can be asked of the run it belongs to. */
function bestOf(run: RunSnapshot): Named | null {
  let best = run.model.candidates[0];
  for (const candidate of run.model.candidates) {
    if (best === undefined || candidate.fitness < best.fitness) best = candidate;
  }
  const key = run.masks.searched ?? best?.key ?? run.masks.initialised;
  if (key === undefined) return null;
  return { mask: { kind: 'candidate', key }, name: `the best of ${run.head.name}` };
}
