import type { ConfigProblem } from './configProblem.ts';
import type { PanelParams } from './panelParams.ts';
import { event, request } from './descriptors.ts';
import type { RunEvent, UnknownRunEvent } from './runEvent.ts';
import type { RunState } from './runRecord.ts';
import type { SparsityRecord } from './sparsityRecord.ts';

// Types only: the checks of what a dashboard sends are the host's, and too large for the dashboard.
export type { MaskRef, PanelAction } from './panelParams.ts';

/** Version of the talk between a dashboard and its host. */
export const PANEL_PROTOCOL = 1;

/** Where a run stands beyond what its own log can know. */
export interface RunStanding {
  readonly state: RunState;
  /** Place in the queue from 1; null when it is not queued. */
  readonly queuePlace: number | null;
  /** A subnet of the run is being reformed, measured or exported. */
  readonly busyWith: string | null;
}

/** One editable field of a run config. */
export interface ConfigField {
  readonly path: readonly string[];
  readonly value: string | number | boolean | null;
  /** True when the file does not name it. */
  readonly isDefault: boolean;
  readonly type: 'text' | 'number' | 'integer' | 'switch' | 'choice';
  readonly choices: readonly string[];
  readonly minimum: number | null;
  readonly maximum: number | null;
  readonly description: string;
}

/** The settings of a run, and the config file it was started from as it is now in the editor. */
export interface ConfigView {
  /** False when the file is gone or cannot be edited; `why` says so. */
  readonly editable: boolean;
  readonly why: string;
  readonly fileName: string;
  readonly fields: readonly ConfigField[];
  /** The settings the run was started with, which no change of the file changes. */
  readonly own: readonly ConfigField[];
  readonly problems: readonly ConfigProblem[];
  /** True when the file differs from what the run was started with. */
  readonly changed: boolean;
}

/** What a dashboard is shown first. `S` is the snapshot of a run (src/dashboard/model). */
export interface PanelContent<S> {
  readonly protocol: number;
  /** One run, or those to compare. */
  readonly runs: readonly S[];
  readonly standing: Readonly<Record<string, RunStanding>>;
  readonly palette: 'cividis' | 'viridis' | 'greys';
  /** False in a workspace that is not trusted, or without the engine; `whyNot` says so. */
  readonly canRun: boolean;
  readonly whyNot: string;
  /** Subnet to show selected. */
  readonly select: string | null;
}

/**
 * Requests of a dashboard to its host, and what the host tells it. Bytes travel as `Uint8Array`, never
 * as text. A run is named by the key in its snapshot's head, never by a path.
 */
export const panelApi = {
  open: request<PanelParams<'open'>, PanelContent<unknown>>('open'),
  /** Bits of a mask in the run's unitLayout: layers × bytesPerLayer. */
  mask: request<PanelParams<'mask'>, { readonly key: string; readonly bits: Uint8Array }>('mask'),
  /**
   * How often each unit is kept by the survivors of the last generation: layers × perLayer bytes,
   * 0 = never, 255 = always.
   */
  frequency: request<
    PanelParams<'frequency'>,
    { readonly subnets: number; readonly shares: Uint8Array }
  >('frequency'),
  /** Rank of each unit's score among those of its kind in its block: layers × perLayer, 255 = best. */
  importance: request<PanelParams<'importance'>, { readonly ranks: Uint8Array }>('importance'),
  /** The scores themselves of one block, perLayer float32 values. */
  layerScores: request<PanelParams<'layerScores'>, { readonly scores: Float32Array }>(
    'layerScores',
  ),
  /** Where a sparse run put its zeros, map by map. */
  sparsity: request<PanelParams<'sparsity'>, { readonly record: SparsityRecord }>('sparsity'),
  /** The zeros of one weight: rows × ceil(columns / 8) bytes, [outputs, inputs], lowest bit first, 1 = kept. */
  weightPattern: request<
    PanelParams<'weightPattern'>,
    { readonly rows: number; readonly columns: number; readonly bits: Uint8Array }
  >('weightPattern'),
  config: request<PanelParams<'config'>, ConfigView>('config'),
  /** Writes one field back to the file as an edit that can be undone; null removes it. */
  editConfig: request<PanelParams<'editConfig'>, ConfigView>('editConfig'),
  /** Does something; answers when it has begun, with a word for the screen reader. */
  act: request<PanelParams<'act'>, { readonly said: string }>('act'),
  /**
   * More of a run's log, at most ten times a second. `from` is the number of the first event the piece
   * covers: overtaken progress is left out, so the first of `events` may have a higher one.
   */
  runEvents: event<{
    readonly run: string;
    readonly from: number;
    readonly events: readonly (RunEvent | UnknownRunEvent)[];
  }>('runEvents'),
  /** A run read again from its folder: masks or results came, or events were missed. `S` as above. */
  runSnapshot: event<{ readonly run: string; readonly snapshot: unknown }>('runSnapshot'),
  standing: event<{ readonly run: string; readonly standing: RunStanding }>('standing'),
  configChanged: event<{ readonly run: string; readonly config: ConfigView }>('configChanged'),
  /** The run's folder is gone. */
  runRemoved: event<{ readonly run: string }>('runRemoved'),
  /** Show this subnet selected. */
  select: event<{ readonly run: string; readonly subnet: string }>('select'),
} as const;
