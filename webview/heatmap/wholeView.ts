import type { UnitLayout } from '../../src/protocol/unitLayout.ts';
import type { CanvasTheme } from '../draw/canvasTheme.ts';
import type { RampName } from '../draw/ramps.ts';
import { el, icon, onChange, setText } from '../dom.ts';
import { createAllUnitsView } from './allUnitsView.ts';
import { heatmapModes, type HeatmapMode, type HeatmapState } from './heatmapState.ts';
import { createLegendView } from './legendView.ts';
import { cellSentence, overviewSummary } from './overviewFacts.ts';
import type { Shape } from './shape.ts';
import { createOverviewView, type OverviewCell } from './overviewView.ts';
import { legendOf, pictureOf, type Legend, type PictureState, type Planes } from './picture.ts';
import { createReadout } from './readoutView.ts';
import { createSegmented } from './segmented.ts';
import { createTableTwin } from './tableTwin.ts';

/** What the page of the whole model shows. */
export interface WholeScene {
  readonly state: HeatmapState;
  readonly shape: Shape;
  readonly planes: Planes;
  readonly theme: CanvasTheme;
  readonly palette: RampName;
}

/** What it tells. */
export interface WholeEvents {
  readonly announce: (text: string) => void;
  readonly onMode: (mode: HeatmapMode) => void;
  readonly onOpen: (layer: number) => void;
  readonly onRetry: () => void;
}

/** The whole model in one picture, or as a table. */
export interface WholeView {
  readonly element: HTMLElement;
  show(scene: WholeScene): void;
  /** Says why there is no picture at all. */
  refuse(why: string): void;
  /** Moves the keyboard to a layer. */
  focus(layer: number): void;
  dispose(): void;
}

type Form = 'groups' | 'units' | 'table';

const FORMS: readonly { readonly value: Form; readonly label: string }[] = [
  { value: 'groups', label: 'Groups' },
  { value: 'units', label: 'Every unit' },
  { value: 'table', label: 'Table' },
];
const MODE_LABELS: Readonly<Record<HeatmapMode, string>> = {
  mask: 'Mask',
  importance: 'Importance',
  frequency: 'How often kept',
  difference: 'Difference',
};
const HINTS: Readonly<Record<Form, string>> = {
  groups: 'Hover a cell, or use the arrow keys. A click or Enter opens its block.',
  units: 'Wheel or + and − zoom, 0 shows all, drag moves. A click or Enter opens a block.',
  table: '',
};

/** Makes the page of the whole model. */
export function createWholeView(events: WholeEvents): WholeView {
  const readout = createReadout(events.announce, HINTS.groups);
  let scene: WholeScene | null = null;
  let found: PictureState = { state: 'loading', why: '' };
  let form: Form = 'groups';
  let told: OverviewCell | null = null;

  const title = el('h3', { class: 'heat-title' });
  const modes = createSegmented(
    'What the picture shows',
    heatmapModes.map((value) => ({ value, label: MODE_LABELS[value] })),
    events.onMode,
  );
  const forms = createSegmented('How it is shown', FORMS, (value) => {
    form = value;
    readout.show(HINTS[form], false);
    draw();
  });
  const overview = createOverviewView({ onCell: tellCell, onOpen: events.onOpen });
  const allUnits = createAllUnitsView({ onText: tellText, onOpen: events.onOpen });
  const tableFrame = el('div', { class: 'heat-table-frame' });
  const retry = el('button', {
    class: 'heat-button',
    text: 'Try again',
    attributes: { type: 'button' },
  });
  retry.addEventListener('click', events.onRetry);
  const messageText = el('span', {});
  const messageLine = el('p', {}, icon('error'), messageText);
  const message = el('div', { class: 'heat-message' }, messageLine, retry);
  const legend = createLegendView();
  const bar = el('div', { class: 'heat-bar' }, title, modes.element, forms.element);
  const pictures = [overview.element, allUnits.element, tableFrame];
  const stage = el('div', { class: 'heat-stage' }, ...pictures, message);
  const foot = el('div', { class: 'heat-foot' }, legend.element, readout.element);
  const element = el('div', { class: 'heat-whole' }, bar, stage, foot);

  const drawPicture = onChange((..._inputs: readonly unknown[]) => {
    if (scene === null) return;
    const { state, planes, shape, theme, palette } = scene;
    found = pictureOf(state, planes, shape.layout, shape.columns, theme, palette);
  });
  let plain: Legend | null = null;
  const drawPlain = onChange((mode: HeatmapMode, theme: CanvasTheme, palette: RampName) => {
    plain = legendOf(mode, theme, palette, null);
  });
  const showLegend = onChange((of: Legend, theme: CanvasTheme) => {
    legend.show(of, theme);
  });
  const showGroups = onChange(
    (of: PictureState, shape: Shape, theme: CanvasTheme, text: string) => {
      const { layout, columns, words } = shape;
      const picture = of.state === 'ready' ? of.picture : null;
      const summary = overviewSummary(picture, layout, text);
      overview.show({ layers: layout.layers, columns, words, theme, picture, summary });
    },
  );
  const showTable = onChange((bits: Uint8Array | null, layout: UnitLayout) => {
    const fits = bits?.length === layout.layers * layout.bytesPerLayer;
    tableFrame.replaceChildren(...(fits ? [createTableTwin(bits, layout, events.onOpen)] : []));
  });

  return {
    element,
    show(next) {
      scene = next;
      draw();
    },
    refuse(why) {
      scene = null;
      for (const node of [...pictures, foot, forms.element, modes.element]) node.hidden = true;
      setText(title, 'Units kept');
      tell({ state: 'absent', why });
    },
    focus(layer) {
      if (form === 'groups') overview.focus(layer);
      else if (form === 'units') allUnits.focus();
    },
    dispose() {
      overview.dispose();
      allUnits.dispose();
      readout.dispose();
    },
  };

  function draw(): void {
    if (scene === null) return;
    const { state, planes, shape, theme, palette } = scene;
    const ask = questionOf(state);
    setText(title, ask);
    modes.select(state.mode);
    forms.select(form);
    modes.element.hidden = forms.element.hidden = false;
    pictures.forEach((picture, i) => {
      picture.hidden = FORMS[i]!.value !== form;
    });
    foot.hidden = form === 'table';
    const { subject, reference, importance, frequency } = planes;
    const loads = [subject, reference, importance, frequency];
    const waits = loads.map(({ loading, failed }) => `${loading} ${failed ?? ''}`).join();
    const facts = [state.mode, state.hasScores, state.generation > 0, state.reference === null];
    const values = loads.map(({ value }) => value);
    drawPicture(shape, theme, palette, ...facts, waits, state.subject === null, ...values);
    drawPlain(state.mode, theme, palette);
    const bounded = form === 'groups' && found.state === 'ready' ? found.picture.legend : plain!;
    showLegend(bounded, theme);
    if (form === 'groups') showGroups(found, shape, theme, ask);
    if (form === 'table') showTable(subject.value, shape.layout);
    if (form === 'units') {
      const ready = found.state === 'ready';
      allUnits.show({ ...scene, ...shape, legend: plain!, ready, title: ask });
    }
    if (form === 'groups' && told !== null) readout.renew(sentence(told));
    tell(form === 'table' && subject.value !== null ? null : found);
  }

  function tell(about: PictureState | null): void {
    message.hidden = about === null || about.state === 'ready';
    if (about === null || about.state === 'ready') return;
    message.className = `heat-message ${about.state}`;
    retry.hidden = about.state !== 'failed';
    setText(messageText, about.why);
  }

  function tellText(text: string | null, spoken: boolean): void {
    readout.show(text ?? HINTS[form], spoken);
  }

  function tellCell(cell: OverviewCell | null, spoken: boolean): void {
    told = cell;
    tellText(cell === null ? null : sentence(cell), spoken);
  }

  function sentence(cell: OverviewCell): string {
    if (scene === null) return '';
    const { state, planes, shape } = scene;
    // A cell of the model before, while another one comes into view.
    if (cell.layer >= shape.layout.layers || cell.column >= shape.columns.length) return '';
    const picture = found.state === 'ready' ? found.picture : null;
    return cellSentence(cell, state, planes, picture, shape);
  }
}

function questionOf({ mode, referenceName, subjectName }: HeatmapState): string {
  switch (mode) {
    case 'mask':
      return `Units kept by ${subjectName || 'the subnet'}`;
    case 'importance':
      return 'Importance of units';
    case 'frequency':
      return 'How many survivors keep each unit';
    case 'difference':
      return `Difference from ${referenceName || 'another subnet'}`;
  }
}
