import type { RunEventBody } from '../protocol/runEvent.ts';
import type { StageName } from '../protocol/runRecord.ts';

/** What the live line shows. */
export interface ProgressState {
  readonly stage: StageName | null;
  /** Part of the stage that is done, 0 to 1; null while unknown. */
  readonly fraction: number | null;
  readonly etaMs: number | null;
  readonly generation: number | null;
  /** Best fitness so far. */
  readonly best: number | null;
  /** Rows of a comparison that are done, and all of them; null outside one. */
  readonly rows: readonly [number, number] | null;
}

/** Before anything has happened. */
export const noProgress: ProgressState = {
  stage: null,
  fraction: null,
  etaMs: null,
  generation: null,
  best: null,
  rows: null,
};

/** What the live line shows after one more event. */
export function nextProgress(state: ProgressState, event: RunEventBody): ProgressState {
  switch (event.kind) {
    case 'stageStarted':
      return { ...state, stage: event.stage, fraction: null, etaMs: null };
    case 'stageProgress': {
      const fraction = event.total > 0 ? Math.min(1, event.done / event.total) : null;
      return { ...state, stage: event.stage, fraction, etaMs: event.etaMs };
    }
    case 'stageFinished':
      return { ...state, stage: null, fraction: null, etaMs: null };
    case 'evaluated':
      return { ...state, generation: event.generation, best: least(state.best, event.fitness) };
    case 'generationFinished':
      return { ...state, generation: event.generation, best: least(state.best, event.best) };
    case 'comparisonStarted':
      return { ...state, rows: [0, event.total], fraction: 0, etaMs: null };
    case 'compared': {
      const fraction = event.total > 0 ? Math.min(1, event.done / event.total) : null;
      const rows = [event.done, event.total] as const;
      return { ...state, rows, fraction, etaMs: event.etaMs ?? null };
    }
    default:
      return state;
  }
}

function least(a: number | null, b: number): number {
  return a === null ? b : Math.min(a, b);
}
