import type { MapName } from '../src/protocol/sparsityRecord.ts';
import { mapOrder } from './data/mapOrder.ts';
import { heatmapModes, type HeatmapMode } from './heatmap/heatmapState.ts';

/** Tabs of the dashboard. */
export const tabs = ['overview', 'masks', 'sparsity', 'results', 'config', 'log'] as const;
/** One of them. */
export type Tab = (typeof tabs)[number];

/** What the x axis of the fitness plots counts. */
export const xAxes = ['evaluations', 'generations', 'time'] as const;
/** One of them. */
export type XAxis = (typeof xAxes)[number];

/** What the x axis of the quality plot measures. */
export const sizeAxes = ['params', 'bytes', 'prefillMs', 'decodeMs'] as const;
/** One of them. */
export type SizeAxis = (typeof sizeAxes)[number];

/** A part of a plot that is looked at, in the units of its axes. */
export interface Zoom {
  readonly xMin: number;
  readonly xMax: number;
  readonly yMin: number;
  readonly yMax: number;
}

/** What the user has chosen to look at: all that outlives a reload. Smaller than 4 KB. */
export interface Selection {
  readonly version: 1;
  /** The runs shown, so that a restored panel can be filled. */
  readonly runs: readonly string[];
  readonly tab: Tab;
  /** Key of the subnet selected. */
  readonly subnet: string | null;
  /** Key of the subnet the host last asked to be selected, so that it asks once. */
  readonly told: string | null;
  /** Key of the subnet it is compared with. */
  readonly compared: string | null;
  readonly xAxis: XAxis;
  readonly logarithmic: boolean;
  readonly zoom: Zoom | null;
  readonly sizeAxis: SizeAxis;
  readonly fitnessTable: boolean;
  readonly qualityTable: boolean;
  readonly logLevel: 'debug' | 'info' | 'warning' | 'error';
  readonly allConfig: boolean;
  /** What the pictures of the masks tell; null until it was chosen. */
  readonly maskMode: HeatmapMode | null;
  /** The layer that is open; null in the overview. */
  readonly maskLayer: number | null;
  /** The weight whose zeros are looked at; null until one was chosen. */
  readonly sparseBlock: number | null;
  readonly sparseMap: MapName | null;
  /** What colours the map of all weights. */
  readonly sparseColour: 'kept' | 'error';
  readonly sparseTable: boolean;
}

/** What a new panel shows. */
export const firstSelection: Selection = {
  version: 1,
  runs: [],
  tab: 'overview',
  subnet: null,
  told: null,
  compared: null,
  xAxis: 'evaluations',
  logarithmic: false,
  zoom: null,
  sizeAxis: 'params',
  fitnessTable: false,
  qualityTable: false,
  logLevel: 'info',
  allConfig: false,
  maskMode: null,
  maskLayer: null,
  sparseBlock: null,
  sparseMap: null,
  sparseColour: 'kept',
  sparseTable: false,
};

/** The selection that was stored, each part of it only when it is what it should be. */
export function restoredSelection(stored: unknown): Selection {
  if (!isRecord(stored) || stored['version'] !== 1) return firstSelection;
  const oneOf = <T extends string>(key: string, words: readonly T[], otherwise: T): T =>
    words.find((word) => word === stored[key]) ?? otherwise;
  const key = (name: string): string | null => {
    const value = stored[name];
    return typeof value === 'string' && /^[0-9a-f]{16}$/.test(value) ? value : null;
  };
  const whole = (name: string): number | null =>
    Number.isInteger(stored[name]) ? (stored[name] as number) : null;
  const runs = stored['runs'];
  return {
    version: 1,
    runs: Array.isArray(runs) ? runs.filter((id) => typeof id === 'string').slice(0, 8) : [],
    tab: oneOf('tab', tabs, 'overview'),
    subnet: key('subnet'),
    told: key('told'),
    compared: key('compared'),
    xAxis: oneOf('xAxis', xAxes, 'evaluations'),
    logarithmic: stored['logarithmic'] === true,
    zoom: zoomOf(stored['zoom']),
    sizeAxis: oneOf('sizeAxis', sizeAxes, 'params'),
    fitnessTable: stored['fitnessTable'] === true,
    qualityTable: stored['qualityTable'] === true,
    logLevel: oneOf('logLevel', ['debug', 'info', 'warning', 'error'], 'info'),
    allConfig: stored['allConfig'] === true,
    maskMode: heatmapModes.find((mode) => mode === stored['maskMode']) ?? null,
    maskLayer: whole('maskLayer'),
    sparseBlock: whole('sparseBlock'),
    sparseMap: mapOrder.find((map) => map === stored['sparseMap']) ?? null,
    sparseColour: oneOf('sparseColour', ['kept', 'error'], 'kept'),
    sparseTable: stored['sparseTable'] === true,
  };
}

/** A zoom that was stored; null for anything else. */
export function zoomOf(value: unknown): Zoom | null {
  if (!isRecord(value)) return null;
  const { xMin, xMax, yMin, yMax } = value;
  const ends = [xMin, xMax, yMin, yMax];
  if (!ends.every((end): end is number => typeof end === 'number' && Number.isFinite(end))) {
    return null;
  }
  const [a, b, c, d] = ends as [number, number, number, number];
  return a < b && c < d ? { xMin: a, xMax: b, yMin: c, yMax: d } : null;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
