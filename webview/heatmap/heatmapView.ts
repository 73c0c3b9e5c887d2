import type { ModelSummary } from '../../src/protocol/modelSummary.ts';
import { unitLayout } from '../../src/protocol/unitLayout.ts';
import { readCanvasTheme, type CanvasTheme } from '../draw/canvasTheme.ts';
import { el, onChange } from '../dom.ts';
import { createDetailView } from './detailView.ts';
import { overviewColumns } from './groups.ts';
import type { HeatmapDeps, HeatmapMode, HeatmapState } from './heatmapState.ts';
import { planesFor } from './picture.ts';
import { nothing } from './answers.ts';
import { createUnitSource } from './unitSource.ts';
import { wordsOf } from './units.ts';
import type { Shape } from './shape.ts';
import { createWholeView } from './wholeView.ts';

/** The pictures of a run's masks. */
export interface HeatmapView {
  update(state: HeatmapState): void;
  dispose(): void;
}

const NO_MODEL =
  'This run did not record the sizes of its model, so its masks cannot be drawn. Run it again to see them.';

/**
 * Makes the pictures of a run's masks in an element: the whole model, and one layer of it. Works only
 * when it is updated, when an answer comes and when the reader does something.
 */
export function createHeatmapView(root: HTMLElement, deps: HeatmapDeps): HeatmapView {
  const source = createUnitSource(deps, refresh);
  const { announce, palette } = deps;
  const { retry: onRetry } = source;
  let state: HeatmapState | null = null;
  let shape: Shape | null = null;
  let theme: CanvasTheme | null = null;
  let mode: HeatmapMode = 'mask';
  let layer: number | null = null;

  const whole = createWholeView({ announce, onMode: setMode, onOpen: open, onRetry });
  const detail = createDetailView({ announce, onClose: close, onLayer: open, onRetry });
  const element = el('section', { class: 'heatmap' }, whole.element, detail.element);
  root.append(element);

  const takeModel = onChange((text: string) => {
    const model = JSON.parse(text) as ModelSummary | null;
    const layout = model && unitLayout(model);
    shape = model && layout && { layout, columns: overviewColumns(layout), words: wordsOf(model) };
  });
  const takeTheme = onChange((_version: number) => {
    theme = readCanvasTheme(root);
  });
  const takeMode = onChange((_run: string, given: HeatmapMode) => {
    mode = given;
  });
  const takeLayer = onChange((_run: string, given: number | null) => {
    layer = given;
  });

  return {
    update(next) {
      state = next;
      takeTheme(next.themeVersion);
      takeModel(JSON.stringify(next.model));
      takeMode(next.run, next.mode);
      takeLayer(next.run, next.layer ?? null);
      refresh();
    },
    dispose() {
      source.dispose();
      whole.dispose();
      detail.dispose();
      element.remove();
    },
  };

  function refresh(): void {
    if (state === null || theme === null) return;
    if (shape !== null && layer !== null && layer >= shape.layout.layers) layer = null;
    const inDetail = shape !== null && layer !== null;
    whole.element.hidden = inDetail;
    detail.element.hidden = !inDetail;
    if (shape === null) return whole.refuse(NO_MODEL);
    const now = { ...state, mode };
    const planes = planesFor(source, now, inDetail);
    if (layer === null) return whole.show({ state: now, shape, planes, theme, palette });
    const scores = state.hasScores ? source.scores(state.run, layer) : nothing;
    detail.show({ ...shape, state: now, layer, planes, scores, theme, palette });
  }

  function setMode(next: HeatmapMode): void {
    mode = next;
    refresh();
    deps.onPlace?.({ mode, layer });
  }

  function open(next: number): void {
    const layers = shape?.layout.layers ?? 0;
    if (next < 0 || next >= layers) return;
    const first = layer === null;
    layer = next;
    refresh();
    if (first) detail.focus();
    deps.onPlace?.({ mode, layer });
  }

  function close(): void {
    const from = layer ?? 0;
    layer = null;
    refresh();
    whole.focus(from);
    deps.onPlace?.({ mode, layer });
  }
}
