import type { SparseMap } from '../../src/protocol/sparsityRecord.ts';
import type { CanvasTheme } from '../draw/canvasTheme.ts';
import { ramp, type RampName } from '../draw/ramps.ts';
import { count, shareTicks } from '../draw/ticks.ts';
import { el, onChange, setText, show } from '../dom.ts';
import type { Loaded } from '../heatmap/answers.ts';
import { createLegendView } from '../heatmap/legendView.ts';
import { planeMips, type BitPlane, type PlaneMips } from '../heatmap/planeMips.ts';
import type { PlaneGroups } from '../heatmap/planePaint.ts';
import { createPlaneView, type PlaneSpot } from '../heatmap/planeView.ts';
import { createReadout } from '../heatmap/readoutView.ts';
import { alongWords, hardwareWords, patternParts } from './mapWords.ts';
import { spotWords } from './spotWords.ts';

/** A weight whose zeros are shown. */
export interface PatternScene {
  readonly found: SparseMap;
  /** E.g. `2:4`. */
  readonly pattern: string;
  readonly plane: Loaded<BitPlane>;
  readonly palette: RampName;
  readonly theme: CanvasTheme;
}

/** What it tells. */
export interface PatternEvents {
  readonly announce: (text: string) => void;
  readonly onRetry: () => void;
}

/** The zeros of one weight, from the whole to single weights. */
export interface PatternView {
  readonly element: HTMLElement;
  show(scene: PatternScene): void;
  dispose(): void;
}

/** Time of a frame that may go into copies, ms. */
const BUILD_MS = 8;
const HINT =
  'Wheel or + and − zoom, drag or arrows move, Enter shows single weights, Home shows all.';

/** Makes the picture of a weight's zeros. */
export function createPatternView(events: PatternEvents): PatternView {
  const title = el('h2');
  const readout = createReadout(events.announce, HINT);
  const picture = createPlaneView({ onSpot: tell });
  const button = (text: string, label: string, press: () => void): HTMLButtonElement => {
    const node = el('button', { class: 'heat-button', text, attributes: { type: 'button' } });
    if (label !== '') node.setAttribute('aria-label', label);
    node.addEventListener('click', press);
    return node;
  };
  const zooms = [
    button('−', 'Zoom out', () => {
      picture.zoom(0.5);
    }),
    button('+', 'Zoom in', () => {
      picture.zoom(2);
    }),
    button('Whole', '', picture.showWhole),
    button('Single weights', '', picture.showCells),
  ];
  const legend = createLegendView();
  const messageText = el('p');
  const retry = button('Try again', '', events.onRetry);
  const message = el('div', { class: 'heat-message' }, messageText, retry);
  const verdict = el('p', { class: 'note' });
  const element = el(
    'section',
    { class: 'panel pattern', aria: { label: 'Zeros of one weight' } },
    el(
      'div',
      { class: 'panel-head' },
      title,
      el('span', { class: 'heat-group' }, el('span', { class: 'segmented' }, ...zooms)),
    ),
    verdict,
    el('div', { class: 'heat-stage' }, picture.element, message),
    el('div', { class: 'heat-foot' }, legend.element, readout.element),
  );
  let scene: PatternScene | null = null;
  let mips: PlaneMips | null = null;
  let built = false;
  let frame = 0;
  let last: { readonly spot: PlaneSpot; readonly byKeyboard: boolean } | null = null;

  const takePlane = onChange((plane: BitPlane | null) => {
    cancelAnimationFrame(frame);
    mips = plane === null ? null : planeMips(plane);
    built = false;
    if (mips !== null) build(mips);
  });
  let table: Uint32Array = new Uint32Array(256);
  const drawLegend = onChange((palette: RampName, theme: CanvasTheme) => {
    table = ramp(palette);
    const keys = [
      { text: 'kept', pixel: table[255]!, hatched: false },
      { text: 'removed', pixel: table[0]!, hatched: false },
    ];
    const shares = { table, ticks: shareTicks(2), title: 'Share kept', bound: 1, keys };
    legend.show(shares, theme);
  });
  const drawPicture = onChange((of: SparseMap, groups: string, ready: boolean, ..._: unknown[]) => {
    if (scene === null) return;
    const { rows, columns, map, block } = of;
    const along = of.along;
    picture.show({
      ...{ rows, columns, table, theme: scene.theme },
      mips: ready ? mips : null,
      groups: { size: Number(groups), along },
      words: { across: `${count(columns)} inputs →`, down: `← ${count(rows)} outputs` },
      summary: `Zeros of ${map} of block ${block}: ${count(rows)} outputs by ${count(columns)} inputs.`,
    });
  });

  return {
    element,
    show(next) {
      if (scene?.found !== next.found) tell(null, false);
      scene = next;
      draw();
    },
    dispose() {
      cancelAnimationFrame(frame);
      picture.dispose();
      readout.dispose();
    },
  };

  function draw(): void {
    if (scene === null) return;
    const { found, plane, palette, theme, pattern } = scene;
    const { value } = plane;
    const fits =
      value !== null &&
      value.rows === found.rows &&
      value.columns === found.columns &&
      value.bits.length === value.rows * Math.ceil(value.columns / 8);
    takePlane(fits ? value : null);
    drawLegend(palette, theme);
    const groups = groupsOf(scene);
    drawPicture(found, String(groups.size), built, theme, palette, mips);
    setText(title, `Weights kept of ${found.map}, block ${found.block}`);
    const hardware = built && mips !== null ? hardwareWords(found.columns, mips.crowded()) : '';
    const lines = groups.size > 0 ? '; lines part the groups of single weights' : '';
    const along = `${capital(alongWords(pattern, found.along))}${lines}.`;
    setText(verdict, `${along} ${hardware}`);
    const refused = value !== null && !fits ? 'The file does not fit its own record.' : null;
    const why = plane.failed ?? refused ?? (built ? '' : 'Reading…');
    show(message, why !== '');
    setText(messageText, why);
    message.className = `heat-message${plane.failed !== null || refused !== null ? ' failed' : ''}`;
    show(retry, plane.failed !== null);
  }

  /** Makes smaller copies, a part of each frame. */
  function build(of: PlaneMips): void {
    frame = requestAnimationFrame(() => {
      if (!of.build(performance.now() + BUILD_MS)) return build(of);
      built = true;
      draw();
      // The cursor may have moved before there was anything to say of its place.
      if (last !== null) tell(last.spot, last.byKeyboard);
    });
  }

  function tell(spot: PlaneSpot | null, byKeyboard: boolean): void {
    last = spot === null ? null : { spot, byKeyboard };
    if (scene === null || spot === null || !built || mips === null) {
      return readout.show(HINT, false);
    }
    readout.show(spotWords(mips.plane, spot, groupsOf(scene)), byKeyboard);
  }
}

function groupsOf({ found, pattern }: PatternScene): PlaneGroups {
  return { size: patternParts(pattern).group, along: found.along };
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
