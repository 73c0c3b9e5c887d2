import type { UnitLayout } from '../../src/protocol/unitLayout.ts';
import type { CanvasTheme } from '../draw/canvasTheme.ts';
import { percent } from '../draw/ticks.ts';
import type { RampName } from '../draw/ramps.ts';
import { el, onChange, setText } from '../dom.ts';
import { createDetailTools, KINDS } from './detailTools.ts';
import { detailRows, layerPlanes, type LayerPlanes } from './detailRows.ts';
import type { HeatmapState } from './heatmapState.ts';
import { histogram, sortedWithin } from './histogram.ts';
import { BINS, createHistogramView } from './histogramView.ts';
import { createLegendView } from './legendView.ts';
import { layerLegend, type Planes } from './picture.ts';
import { subnetsOf, unitSentence } from './readout.ts';
import { createReadout } from './readoutView.ts';
import { createStripView, type StripCell } from './stripView.ts';
import { bandsOf, spanOf, unitAt, type Band, type UnitWords } from './units.ts';
import type { Loaded } from './answers.ts';

/** What the page of a layer shows. */
export interface DetailScene {
  readonly state: HeatmapState;
  readonly layer: number;
  readonly layout: UnitLayout;
  readonly words: UnitWords;
  readonly theme: CanvasTheme;
  readonly palette: RampName;
  readonly planes: Planes;
  /** Scores of this layer. */
  readonly scores: Loaded<Float32Array>;
}

/** What the page of a layer tells. */
export interface DetailEvents {
  readonly announce: (text: string) => void;
  readonly onClose: () => void;
  readonly onLayer: (layer: number) => void;
  readonly onRetry: () => void;
}

/** Every unit of one layer. */
export interface DetailView {
  readonly element: HTMLElement;
  show(scene: DetailScene): void;
  focus(): void;
  dispose(): void;
}

const SIZES = { gutter: 84, rowHeight: 34, rowGap: 6 };
const HINT =
  'Wheel or + and − zoom, 0 shows all, drag or Page Up and Page Down move, arrows read unit by unit, Escape goes back.';

/** Makes the page of a layer. */
export function createDetailView(events: DetailEvents): DetailView {
  const readout = createReadout(events.announce, HINT);
  let scene: DetailScene | null = null;
  let layer: LayerPlanes | null = null;
  let order: Uint32Array | null = null;
  let bands: readonly Band[] = [];
  let sorted = false;
  let told: StripCell | null = null;

  const strip = createStripView({ onCell: tell, onEnter: say, onEscape: events.onClose });
  const tools = createDetailTools({
    ...events,
    onStep: (by) => {
      if (scene !== null) events.onLayer(scene.layer + by);
    },
    onKind: (kind) => {
      if (scene === null) return;
      const { start, end } =
        kind === null ? { start: 0, end: scene.layout.perLayer } : spanOf(scene.layout, kind);
      strip.showCells(start, end);
    },
    onZoom: strip.zoom,
    onSort: () => {
      sorted = !sorted;
      draw();
    },
  });
  const legend = createLegendView();
  const histograms = KINDS.map(([, name]) => createHistogramView(name));
  const question = el('h4', { class: 'heat-title', text: 'Scores of kept and removed units' });
  const noScores = el('p', { class: 'heat-note' });
  const element = el(
    'div',
    { class: 'heat-detail' },
    ...tools.elements,
    strip.element,
    el('div', { class: 'heat-foot' }, legend.element, readout.element),
    question,
    el('div', { class: 'heat-histograms' }, ...histograms.map((view) => view.element)),
    noScores,
  );

  const cut = onChange((layout: UnitLayout, at: number, ..._planes: readonly unknown[]) => {
    if (scene === null) return;
    bands = bandsOf(layout);
    layer = layerPlanes(scene.planes, layout, at);
  });
  const arrange = onChange((wanted: boolean, by: ArrayLike<number> | null, length: number) => {
    order = wanted && by?.length === length ? sortedWithin(by, bands) : null;
  });
  const drawStrip = onChange(
    (of: LayerPlanes, by: Uint32Array | null, theme: CanvasTheme, ..._: readonly unknown[]) => {
      if (scene === null) return;
      const { state, planes, palette, words, layout } = scene;
      const ratio = window.devicePixelRatio;
      strip.show({
        rows: detailRows(of, by, planes, state, theme, palette, ratio),
        ...{ cells: layout.perLayer, bands, words, theme, sizes: SIZES, byRow: false },
        rowTitle: '',
        sorted: by !== null,
        summary: `Block ${scene.layer}: ${layout.perLayer} units by mask, importance, survivors and change.`,
      });
    },
  );
  const drawHistograms = onChange(
    (scores: Float32Array | null, kept: Uint8Array | null, unit: string, theme: CanvasTheme) => {
      KINDS.forEach(([kind], i) => {
        const { start, end } = spanOf(scene!.layout, kind);
        const there = scores?.length === scene!.layout.perLayer && kept !== null;
        const counts = there ? histogram(scores, kept, start, end, BINS) : null;
        histograms[i]!.show(counts, unit, theme);
      });
    },
  );
  const drawLegend = onChange((theme: CanvasTheme, palette: RampName) => {
    legend.show(layerLegend(theme, palette), theme);
  });

  return {
    element,
    show(next) {
      if (scene?.layer !== next.layer && told === null) readout.show(HINT, false);
      scene = next;
      draw();
    },
    focus: strip.focus,
    dispose() {
      strip.dispose();
      readout.dispose();
      for (const view of histograms) view.dispose();
    },
  };

  function draw(): void {
    if (scene === null) return;
    const { state, planes, theme, layout, scores, palette } = scene;
    const { subject, reference, importance, frequency } = planes;
    const values = [subject.value, reference.value, importance.value, frequency.value];
    cut(layout, scene.layer, ...values);
    if (layer === null) return;
    arrange(sorted, scores.value ?? layer.ranks, layout.perLayer);
    const waits = [subject, reference, importance, frequency].map(
      ({ loading, failed }) => `${loading} ${failed ?? ''}`,
    );
    const when = `${state.hasScores} ${state.generation} ${state.reference === null}`;
    drawStrip(layer, order, theme, palette, waits.join(), when, window.devicePixelRatio);
    drawLegend(theme, palette);
    drawHistograms(scores.value, layer.kept, state.scoreUnit, theme);
    tools.show({
      title: `Block ${scene.layer}: units kept`,
      summary: layer.kept === null ? '' : summaryOf(layer.kept, layout),
      ...{ isFirst: scene.layer === 0, isLast: scene.layer === layout.layers - 1, sorted },
      canSort: scores.value !== null || layer.ranks !== null,
      canRetry: [subject, reference, importance, frequency, scores].some(
        (one) => one.failed !== null,
      ),
    });
    setText(noScores, noteOn(state, scores));
    if (told !== null) readout.renew(sentence(told));
  }

  function tell(cell: StripCell | null, byKeyboard: boolean): void {
    told = cell;
    if (cell === null) readout.show(HINT, false);
    else readout.show(sentence(cell), byKeyboard);
  }

  function say(cell: StripCell): void {
    readout.show(sentence(cell), true);
  }

  function sentence({ cell }: StripCell): string {
    if (scene === null || layer === null || cell >= scene.layout.perLayer) return '';
    const { layout, words, state } = scene;
    const at = order?.[cell] ?? cell;
    const { kept, ranks, shares, change, subnets } = layer;
    const changed = change === null ? 128 : change[at]!;
    return unitSentence(
      {
        layer: scene.layer,
        unit: unitAt(layout, at),
        kept: kept === null ? null : kept[at] !== 0,
        rank: ranks === null ? null : ranks[at]!,
        keptBy: shares === null ? null : { subnets: subnetsOf(shares[at]!, subnets), of: subnets },
        before: kept === null || change === null ? null : (kept[at] !== 0) === (changed === 128),
        reference: state.referenceName,
      },
      words,
    );
  }
}

function summaryOf(kept: Uint8Array, layout: UnitLayout): string {
  return KINDS.map(([kind, name]) => {
    const { start, end } = spanOf(layout, kind);
    let units = 0;
    for (let i = start; i < end; i++) if (kept[i] !== 0) units++;
    return end > start ? `${name} ${percent(units / (end - start))}` : '';
  })
    .filter((text) => text !== '')
    .join('  ·  ');
}

function noteOn(state: HeatmapState, scores: Loaded<Float32Array>): string {
  if (!state.hasScores) return 'Scores appear when the Score stage is done.';
  return scores.failed ?? '';
}
