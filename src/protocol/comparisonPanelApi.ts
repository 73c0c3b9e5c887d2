import type { ComparisonTable } from './comparisonTable.ts';
import { event, request } from './descriptors.ts';

/** What may be asked for by a button of the page of a comparison. */
export const comparisonActions = ['run', 'stop', 'openConfig', 'copyMarkdown', 'saveCsv'] as const;
/** One of them. */
export type ComparisonAction = (typeof comparisonActions)[number];

/** What the page of a comparison shows. */
export interface ComparisonContent {
  readonly protocol: number;
  /** Null while nothing was compared yet; `waiting` says for what. */
  readonly table: ComparisonTable | null;
  /** A sentence while there is no table. */
  readonly waiting: string;
  /** Whether its engine is at work on it now, or will be. */
  readonly job: 'none' | 'queued' | 'running';
  /** Time left, ms; null when it cannot be known. */
  readonly etaMs: number | null;
  /** False in a workspace that is not trusted, or without the engine; `whyNot` says so. */
  readonly canRun: boolean;
  readonly whyNot: string;
}

/** Requests of the page of a comparison to its host, and what the host tells it. */
export const comparisonPanelApi = {
  openComparison: request<{ readonly protocol: number }, ComparisonContent>('openComparison'),
  /** Does something; answers when it has begun, with a word for the screen reader. */
  actOnComparison: request<{ readonly action: ComparisonAction }, { readonly said: string }>(
    'actOnComparison',
  ),
  /** All of it again, whenever something changed. */
  comparison: event<ComparisonContent>('comparison'),
} as const;
