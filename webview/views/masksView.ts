import type { RunSnapshot } from '../../src/dashboard/model/runSnapshot.ts';
import type { MaskRef } from '../../src/protocol/panelApi.ts';
import { createHeatmapView, type HeatmapView } from '../heatmap/heatmapView.ts';
import { el } from '../dom.ts';
import { shortKey } from '../format.ts';
import { firstRun, type State } from '../store.ts';
import type { Page, View } from './view.ts';

/** Which channels stay, layer by layer: the pictures of the masks. */
export function createMasksView(page: Page): View {
  const root = el('div', { class: 'masks-root' });
  const element = el(
    'section',
    { class: 'panel masks', aria: { label: 'Masks' } },
    el('h2', { class: 'spoken', text: 'Masks' }),
    root,
  );
  let view: HeatmapView | undefined;
  return {
    element,
    update(state) {
      const run = firstRun(state);
      if (run === undefined) return;
      view ??= createHeatmapView(root, {
        ...page.masks,
        palette: state.palette,
        onPlace: ({ mode, layer }) => {
          page.choose({ maskMode: mode, maskLayer: layer });
        },
      });
      const others = state.order.slice(1).flatMap((id) => state.runs[id] ?? []);
      const subject = subjectOf(run, state);
      const reference = others[0] === undefined ? referenceOf(run, state) : bestOf(others[0]);
      const { maskMode, maskLayer, compared } = state.selection;
      view.update({
        run: run.head.id,
        model: run.head.model,
        subject: subject?.mask ?? null,
        subjectName: subject?.name ?? '',
        reference: reference?.mask ?? null,
        referenceName: reference?.name ?? '',
        generation: run.model.generations.length,
        hasScores: run.hasScores,
        themeVersion: page.themeVersion(),
        mode: maskMode ?? (others.length > 0 || compared !== null ? 'difference' : 'mask'),
        layer: maskLayer,
      });
    },
    dispose() {
      view?.dispose();
    },
  };
}

interface Named {
  readonly mask: MaskRef;
  readonly name: string;
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
  return { mask: { kind: 'named', name: 'initialised' }, name: 'the initial mask' };
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
