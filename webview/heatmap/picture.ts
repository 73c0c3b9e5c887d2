import type { UnitLayout } from '../../src/protocol/unitLayout.ts';
import type { CanvasTheme } from '../draw/canvasTheme.ts';
import { diverging, ramp, twoTone, type RampName } from '../draw/ramps.ts';
import { changeTicks, shareTicks, type Tick } from '../draw/ticks.ts';
import { changeShares, keptShares, meanShares, type Shares } from './groups.ts';
import type { HeatmapMode, HeatmapState } from './heatmapState.ts';
import type { Band } from './units.ts';
import { nothing, type Loaded } from './answers.ts';
import type { Frequency, UnitSource } from './unitSource.ts';

/** The planes of a run that are there by now. */
export interface Planes {
  readonly subject: Loaded<Uint8Array>;
  readonly reference: Loaded<Uint8Array>;
  readonly importance: Loaded<Uint8Array>;
  readonly frequency: Loaded<Frequency>;
}

/** The key of a picture's colours. */
export interface Legend {
  readonly table: Uint32Array;
  readonly ticks: readonly Tick[];
  readonly title: string;
  /** The change at the ends of the bar; 1 for shares. */
  readonly bound: number;
  /** Colours that stand for one thing each. */
  readonly keys: readonly LegendKey[];
}

/** One colour of a legend, hatched or plain. */
export interface LegendKey {
  readonly text: string;
  readonly pixel: number;
  readonly hatched: boolean;
}

/** A mode of the overview, ready to be painted. */
export interface Picture {
  readonly mode: HeatmapMode;
  readonly shares: Shares;
  readonly legend: Legend;
  /** [layers] what the bars at the right show: 0..1, or -1..1 for changes. */
  readonly bars: Float32Array;
  readonly barTitle: string;
}

/** A picture, or why there is none. */
export type PictureState =
  | { readonly state: 'ready'; readonly picture: Picture }
  | { readonly state: 'loading' | 'failed' | 'absent'; readonly why: string };

/** Asks for the planes a mode needs; the mask in any case. */
export function planesFor(source: UnitSource, state: HeatmapState, all: boolean): Planes {
  const { run, mode, subject, reference, generation, hasScores } = state;
  const needs = (one: HeatmapMode): boolean => all || mode === one;
  return {
    subject: subject === null ? nothing : source.mask('subject', run, subject, generation),
    reference:
      reference === null || !needs('difference')
        ? nothing
        : source.mask('reference', run, reference, generation),
    importance: hasScores && needs('importance') ? source.importance(run) : nothing,
    frequency: generation > 0 && needs('frequency') ? source.frequency(run, generation) : nothing,
  };
}

/** The overview of a mode, from what is there. */
export function pictureOf(
  state: HeatmapState,
  planes: Planes,
  layout: UnitLayout,
  columns: readonly Band[],
  theme: CanvasTheme,
  palette: RampName,
): PictureState {
  const { mode } = state;
  const found = sharesOf(state, planes, layout, columns);
  if ('why' in found) return found;
  const mask = planes.subject.value;
  const legend = legendOf(mode, theme, palette, mode === 'difference' ? boundOf(found) : 1);
  const bars = barsOf(mode, found, mask, layout, columns);
  return { state: 'ready', picture: { mode, shares: found, legend, ...bars } };
}

/**
 * The colours of a mode.
 * @param bound  for changes: the change that has the full colour; null: the picture is of single units
 */
export function legendOf(
  mode: HeatmapMode,
  theme: CanvasTheme,
  palette: RampName,
  bound: number | null,
): Legend {
  const most = bound ?? 1;
  const table =
    mode === 'difference' ? diverging(theme.lost, theme.removed, theme.kept) : ramp(palette);
  const hatched = (text: string): LegendKey[] => [{ text, pixel: table[0]!, hatched: true }];
  switch (mode) {
    case 'mask':
      return {
        bound: most,
        table,
        ticks: shareTicks(4),
        title: 'Share kept',
        keys: hatched('nothing kept'),
      };
    case 'importance':
      return { bound: most, table, ticks: RANK_TICKS, title: 'Mean rank in its block', keys: [] };
    case 'frequency':
      return {
        bound: most,
        table,
        ticks: shareTicks(4),
        title: 'Kept by survivors',
        keys: hatched('never kept'),
      };
    case 'difference':
      return {
        bound: most,
        table,
        ticks: bound === null ? UNIT_TICKS : changeTicks(bound),
        title: bound === null ? 'Change' : 'Change in share kept',
        keys: hatched(bound === null ? 'lost' : 'fewer kept'),
      };
  }
}

/** The colours of the rows of one layer. */
export function layerLegend(theme: CanvasTheme, palette: RampName): Legend {
  const removed = keptTable(theme)[0]!;
  const change = diverging(theme.lost, theme.removed, theme.kept);
  return {
    table: ramp(palette),
    bound: 1,
    ticks: shareTicks(2),
    title: 'Importance rank, share of survivors',
    keys: [
      { text: 'kept, gained', pixel: change[255]!, hatched: false },
      { text: 'removed', pixel: removed, hatched: true },
      { text: 'lost', pixel: change[0]!, hatched: true },
    ],
  };
}

/** The greatest change, rounded up to two digits, so that small changes are seen. */
function boundOf({ cells }: Shares): number {
  let most = 0;
  for (const value of cells) most = Math.max(most, Math.abs(value));
  if (most === 0) return LEAST_BOUND;
  const step = 10 ** (Math.floor(Math.log10(most)) - 1);
  // Cells are 32 bits wide: a hair above a step is the step.
  const bound = Number((Math.ceil(most / step - 1e-4) * step).toPrecision(2));
  return Math.min(1, Math.max(LEAST_BOUND, bound));
}

const LEAST_BOUND = 0.001;
/** A single unit is gained, lost or neither. */
const UNIT_TICKS: readonly Tick[] = [
  { place: 0, text: 'lost' },
  { place: 0.5, text: 'the same' },
  { place: 1, text: 'gained' },
];
const RANK_TICKS: readonly Tick[] = [
  { place: 0, text: 'least' },
  { place: 0.5, text: 'middle' },
  { place: 1, text: 'most' },
];

/** The two-tone table of kept and removed. */
export function keptTable(theme: CanvasTheme): Uint32Array {
  return twoTone(theme.removed, theme.kept);
}

function sharesOf(
  state: HeatmapState,
  planes: Planes,
  layout: UnitLayout,
  columns: readonly Band[],
): Shares | Exclude<PictureState, { state: 'ready' }> {
  const bytes = layout.layers * layout.bytesPerLayer;
  const cells = layout.layers * layout.perLayer;
  const { subject, reference, importance, frequency } = planes;
  switch (state.mode) {
    case 'mask': {
      if (state.subject === null) return absent('The picture appears with the first subnet.');
      const bits = whole(subject, bytes);
      return bits instanceof Uint8Array ? keptShares(bits, layout, columns) : bits;
    }
    case 'importance': {
      if (!state.hasScores) return absent('Scores appear when the Score stage is done.');
      const ranks = whole(importance, cells);
      return ranks instanceof Uint8Array ? meanShares(ranks, layout, columns) : ranks;
    }
    case 'frequency': {
      if (state.generation === 0) return absent('Appears after the first generation of a search.');
      const { value, ...rest } = frequency;
      const shares = whole({ ...rest, value: value?.shares ?? null }, cells);
      return shares instanceof Uint8Array ? meanShares(shares, layout, columns) : shares;
    }
    case 'difference': {
      if (state.subject === null || state.reference === null) {
        return absent('There is no second mask to compare with yet.');
      }
      const now = whole(subject, bytes);
      if (!(now instanceof Uint8Array)) return now;
      const before = whole(reference, bytes);
      return before instanceof Uint8Array ? changeShares(now, before, layout, columns) : before;
    }
  }
}

/** The bytes of an answer when it has as many as it must. */
function whole(
  answer: Loaded<Uint8Array>,
  length: number,
): Uint8Array | Exclude<PictureState, { state: 'ready' }> {
  if (answer.value !== null) {
    if (answer.value.length === length) return answer.value;
    return { state: 'failed', why: 'The file does not fit the model it is said to belong to.' };
  }
  if (answer.failed !== null) return { state: 'failed', why: answer.failed };
  return { state: 'loading', why: 'Reading…' };
}

function absent(why: string): Exclude<PictureState, { state: 'ready' }> {
  return { state: 'absent', why };
}

function barsOf(
  mode: HeatmapMode,
  shares: Shares,
  mask: Uint8Array | null,
  layout: UnitLayout,
  columns: readonly Band[],
): { readonly bars: Float32Array; readonly barTitle: string } {
  if (mode === 'difference') return { bars: shares.layers, barTitle: 'Change' };
  if (mode === 'frequency') return { bars: shares.layers, barTitle: 'Kept by survivors' };
  // The mean of ranks is the same in every layer; what the mask keeps there is not.
  const fits = mask !== null && mask.length === layout.layers * layout.bytesPerLayer;
  const kept = mode === 'mask' ? shares : fits ? keptShares(mask, layout, columns) : null;
  return { bars: kept?.layers ?? new Float32Array(layout.layers), barTitle: 'Kept' };
}
