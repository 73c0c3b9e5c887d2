import type { ModelSummary } from '../../src/protocol/modelSummary.ts';
import { unitLayout, type UnitLayout } from '../../src/protocol/unitLayout.ts';
import { readCanvasTheme, type CanvasTheme } from '../draw/canvasTheme.ts';
import { el, onChange, setText } from '../dom.ts';
import { createDetailView } from './detailView.ts';
import { overviewColumns } from './groups.ts';
import './heatmap.css';
import {
  heatmapModes,
  type HeatmapDeps,
  type HeatmapMode,
  type HeatmapState,
} from './heatmapState.ts';
import { createLegendView } from './legendView.ts';
import { cellSentence, overviewSummary } from './overviewFacts.ts';
import { createOverviewView, type OverviewCell } from './overviewView.ts';
import {
  legendOf,
  pictureOf,
  planesFor,
  type Legend,
  type Picture,
  type PictureState,
} from './picture.ts';
import { createReadout } from './readoutView.ts';
import { createSegmented } from './segmented.ts';
import { createTableTwin } from './tableTwin.ts';
import { createUnitSource, nothing } from './unitSource.ts';
import { wordsOf, type Band, type UnitWords } from './units.ts';

/** The pictures of a run's masks. */
export interface HeatmapView {
  update(state: HeatmapState): void;
  dispose(): void;
}

const MODE_LABELS: Readonly<Record<HeatmapMode, string>> = {
  mask: 'Mask',
  importance: 'Importance',
  frequency: 'How often kept',
  difference: 'Difference',
};
const HINT = 'Hover a cell, or use the arrow keys. Enter opens its layer.';

/** What is the same as long as the model is. */
interface Shape {
  readonly layout: UnitLayout;
  readonly columns: readonly Band[];
  readonly words: UnitWords;
}

/** Makes the pictures of a run's masks in an element: the whole model, and one layer of it. */
export function createHeatmapView(root: HTMLElement, deps: HeatmapDeps): HeatmapView {
  const source = createUnitSource(deps, refresh);
  const readout = createReadout(deps.announce, HINT);
  let state: HeatmapState | null = null;
  let shape: Shape | null = null;
  let theme: CanvasTheme | null = null;
  let layer: number | null = null;
  let asTable = false;
  let picture: Picture | null = null;

  const title = el('h3', { class: 'heat-title' });
  const modes = createSegmented(
    'What the picture shows',
    heatmapModes.map((value) => ({ value, label: MODE_LABELS[value] })),
    setMode,
  );
  const tableButton = el('button', {
    class: 'heat-button',
    attributes: { type: 'button' },
    text: 'Table',
  });
  tableButton.addEventListener('click', () => {
    asTable = !asTable;
    refresh();
  });
  const overview = createOverviewView({ onCell: tellCell, onOpen: open });
  const tableFrame = el('div', { class: 'heat-table-frame' });
  const retry = el('button', { class: 'heat-button', text: 'Try again' });
  retry.addEventListener('click', () => {
    source.retry();
  });
  const messageText = el('p', {});
  const message = el('div', { class: 'heat-message' }, messageText, retry);
  const stage = el('div', { class: 'heat-stage' }, overview.element, tableFrame, message);
  const legend = createLegendView();
  const foot = el('div', { class: 'heat-foot' }, legend.element, readout.element);
  const bar = el('div', { class: 'heat-bar' }, title, modes.element, tableButton);
  const whole = el('div', { class: 'heat-whole' }, bar, stage, foot);
  const detail = createDetailView({
    announce: deps.announce,
    onClose: close,
    onLayer: open,
    onRetry: source.retry,
  });
  const element = el('section', { class: 'heatmap' }, whole, detail.element);
  root.append(element);

  const shapeOf = onChange((text: string) => {
    shape = null;
    const model = JSON.parse(text) as ModelSummary | null;
    if (model === null) return;
    const layout = unitLayout(model);
    const columns = overviewColumns(layout);
    shape = { layout, columns, words: wordsOf(model) };
  });
  const themeOf = onChange((_version: number) => {
    theme = readCanvasTheme(root);
  });
  const runOf = onChange((_run: string, first: number | null) => {
    layer = first;
  });
  const showLegend = onChange((of: Legend, now: CanvasTheme) => {
    legend.show(of, now);
  });
  let plain: Legend | null = null;
  const makePlain = onChange((mode: HeatmapMode, now: CanvasTheme) => {
    plain = legendOf(mode, now, deps.palette);
  });
  const plainLegend = (mode: HeatmapMode, now: CanvasTheme): Legend => {
    makePlain(mode, now);
    return plain!;
  };
  const drawTable = onChange((bits: Uint8Array | null, shown: Shape) => {
    if (bits === null) tableFrame.replaceChildren();
    else tableFrame.replaceChildren(createTableTwin(bits, shown.layout, open));
  });
  let found: PictureState = { state: 'loading', why: '' };
  const drawPicture = onChange((shown: Shape, now: CanvasTheme, ..._inputs: readonly unknown[]) => {
    if (state === null) return;
    const planes = planesFor(source, state, false);
    const { layout, columns } = shown;
    found = pictureOf(state, planes, layout, columns, now, deps.palette);
    picture = found.state === 'ready' ? found.picture : null;
  });
  const showScene = onChange((shown: Shape, now: CanvasTheme, of: Picture | null, text: string) => {
    const { layout, columns, words } = shown;
    const summary = overviewSummary(of, layout, text);
    overview.show({ layers: layout.layers, columns, words, theme: now, picture: of, summary });
  });

  return {
    update(next) {
      const mode = state?.run === next.run ? state.mode : next.mode;
      state = { ...next, mode };
      runOf(next.run, next.layer ?? null);
      refresh();
    },
    dispose() {
      source.dispose();
      overview.dispose();
      detail.dispose();
      readout.dispose();
      element.remove();
    },
  };

  function refresh(): void {
    if (state === null) return;
    themeOf(state.themeVersion);
    shapeOf(JSON.stringify(state.model));
    whole.hidden = layer !== null && shape !== null;
    detail.element.hidden = !whole.hidden;
    modes.select(state.mode);
    const ask = questionOf(state);
    setText(title, ask);
    if (shape === null || theme === null) {
      overview.element.hidden = foot.hidden = true;
      return tell(
        'absent',
        'This run did not record the sizes of its model, so that its masks cannot be drawn. Run it again to see them.',
      );
    }
    if (layer !== null) {
      const planes = planesFor(source, state, true);
      const scores = state.hasScores ? source.scores(state.run, layer) : nothing;
      const { layout, words } = shape;
      const { palette } = deps;
      detail.show({ state, layer, layout, words, theme, planes, scores, palette });
      return;
    }
    refreshOverview(state, shape, theme, ask);
  }

  function refreshOverview(now: HeatmapState, shown: Shape, look: CanvasTheme, ask: string): void {
    const planes = planesFor(source, now, false);
    const loads = [planes.subject, planes.reference, planes.importance, planes.frequency];
    const ready = loads.map(({ loading, failed }) => `${loading} ${failed ?? ''}`).join();
    const values = loads.map(({ value }) => value);
    drawPicture(shown, look, now.mode, now.hasScores, now.generation, ready, ...values);
    showLegend(picture?.legend ?? plainLegend(now.mode, look), look);
    showScene(shown, look, picture, ask);
    const bits = planes.subject.value;
    drawTable(asTable ? bits : null, shown);
    tableButton.setAttribute('aria-pressed', String(asTable));
    overview.element.hidden = asTable;
    foot.hidden = false;
    foot.classList.toggle('faded', asTable);
    tableFrame.hidden = !asTable;
    if (found.state === 'ready') tell('ready', '');
    else tell(found.state, found.why);
  }

  function tell(kind: PictureState['state'], why: string): void {
    message.hidden = kind === 'ready';
    message.className = `heat-message ${kind}`;
    retry.hidden = kind !== 'failed';
    setText(messageText, why);
  }

  function tellCell(cell: OverviewCell | null, byKeyboard: boolean): void {
    if (cell === null || state === null || shape === null) {
      readout.show(HINT, false);
      return;
    }
    const { layout, columns, words } = shape;
    const planes = planesFor(source, state, false);
    const text = cellSentence(cell, state, planes, picture, layout, columns, words);
    readout.show(text, byKeyboard);
  }

  function setMode(mode: HeatmapMode): void {
    if (state === null) return;
    state = { ...state, mode };
    readout.show(HINT, false);
    refresh();
    deps.onPlace?.({ mode, layer });
  }

  function open(next: number): void {
    if (state === null) return;
    layer = next;
    refresh();
    detail.focus();
    deps.onPlace?.({ mode: state.mode, layer });
  }

  function close(): void {
    const from = layer ?? 0;
    layer = null;
    refresh();
    if (state !== null) deps.onPlace?.({ mode: state.mode, layer });
    if (!asTable) overview.focus(from);
  }
}

function questionOf({ mode, referenceName, subjectName }: HeatmapState): string {
  switch (mode) {
    case 'mask':
      return `Where does ${subjectName} keep what?`;
    case 'importance':
      return 'Which parts matter most?';
    case 'frequency':
      return 'On what do the survivors agree?';
    case 'difference':
      return `What changed against ${referenceName}?`;
  }
}
