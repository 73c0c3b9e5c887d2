import type { ModelSummary } from '../../src/protocol/modelSummary.ts';
import type { MaskRef } from '../../src/protocol/panelApi.ts';
import type { RampName } from '../draw/ramps.ts';

/** What the pictures tell of each unit. */
export const heatmapModes = ['mask', 'importance', 'frequency', 'difference'] as const;
/** One of them. */
export type HeatmapMode = (typeof heatmapModes)[number];

/** What a heatmap needs of the page around it. Requests reject with an `Error` for people to read. */
export interface HeatmapDeps {
  readonly mask: (
    run: string,
    mask: MaskRef,
  ) => Promise<{ readonly key: string; readonly bits: Uint8Array }>;
  readonly frequency: (
    run: string,
  ) => Promise<{ readonly subnets: number; readonly shares: Uint8Array }>;
  readonly importance: (run: string) => Promise<{ readonly ranks: Uint8Array }>;
  readonly layerScores: (run: string, layer: number) => Promise<{ readonly scores: Float32Array }>;
  /** Says something through the page's polite live region. */
  readonly announce: (text: string) => void;
  readonly palette: RampName;
  /** Told when the reader changes mode or layer, so that the page can remember it. */
  readonly onPlace?: (place: HeatmapPlace) => void;
}

/** Where the reader is. */
export interface HeatmapPlace {
  readonly mode: HeatmapMode;
  /** The layer that is open; null in the overview. */
  readonly layer: number | null;
}

/** What a heatmap shows. */
export interface HeatmapState {
  readonly run: string;
  /** Null for runs that did not record it: there is nothing to draw then. */
  readonly model: ModelSummary | null;
  /** The selected subnet; null while there is none. */
  readonly subject: MaskRef | null;
  /** What it is called in a sentence, e.g. "the best subnet". */
  readonly subjectName: string;
  /** What it is compared with. */
  readonly reference: MaskRef | null;
  readonly referenceName: string;
  /** Finished generations: more of them change what survivors keep. 0 = nothing to ask yet. */
  readonly generation: number;
  readonly hasScores: boolean;
  /** What a score is, with its unit. */
  readonly scoreUnit: string;
  /** Another number after each change of the editor's theme. */
  readonly themeVersion: number;
  readonly mode: HeatmapMode;
  /** Layer to open at first; the view keeps its own place afterwards. */
  readonly layer?: number | null;
}
