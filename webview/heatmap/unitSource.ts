import type { MaskRef } from '../../src/protocol/panelApi.ts';
import type { HeatmapDeps } from './heatmapState.ts';

/** An answer that is awaited, there, or refused. */
export interface Loaded<T> {
  /** The answer; while a newer one is awaited, the one before it. */
  readonly value: T | null;
  readonly loading: boolean;
  /** Why there is none; null otherwise. */
  readonly failed: string | null;
}

/** Planes of units, asked for once each. */
export interface UnitSource {
  /** @param slot  place it is shown at; the answer before it stays in that place meanwhile */
  mask(slot: string, run: string, mask: MaskRef, generation: number): Loaded<Uint8Array>;
  frequency(run: string, generation: number): Loaded<Frequency>;
  importance(run: string): Loaded<Uint8Array>;
  scores(run: string, layer: number): Loaded<Float32Array>;
  /** Asks again for what was refused. */
  readonly retry: () => void;
  dispose(): void;
}

/** How often each unit is kept by the survivors. */
export interface Frequency {
  readonly subnets: number;
  /** [layers · perLayer], 255 = by all. */
  readonly shares: Uint8Array;
}

/** Answers kept; a mask of the largest models takes 300 kB, so that these are 20 MB. */
const MOST_ANSWERS = 64;

/** Nothing, and nothing on its way. */
export const nothing: Loaded<never> = { value: null, loading: false, failed: null };

/**
 * Makes a source.
 * @param changed  called after an answer came
 */
export function createUnitSource(deps: HeatmapDeps, changed: () => void): UnitSource {
  const answers = new Map<string, Loaded<unknown>>();
  /** By slot: the run and the last answer shown there. */
  const shown = new Map<string, { readonly run: string; readonly value: unknown }>();
  let ended = false;

  const get = <T>(slot: string, run: string, what: string, ask: () => Promise<T>): Loaded<T> => {
    const key = `${run}\n${what}`;
    let answer = answers.get(key);
    if (answer === undefined) {
      answer = { value: null, loading: true, failed: null };
      remember(key, answer);
      ask().then(
        (value) => {
          settle(key, { value, loading: false, failed: null });
        },
        (error: unknown) => {
          const failed = error instanceof Error ? error.message : String(error);
          settle(key, { value: null, loading: false, failed });
        },
      );
    }
    if (answer.value !== null) shown.set(slot, { run, value: answer.value });
    const before = shown.get(slot);
    if (!answer.loading || before?.run !== run) return answer as Loaded<T>;
    return { value: before.value as T, loading: true, failed: null };
  };
  const remember = (key: string, answer: Loaded<unknown>): void => {
    answers.delete(key);
    answers.set(key, answer);
    for (const old of answers.keys()) {
      if (answers.size <= MOST_ANSWERS) break;
      answers.delete(old);
    }
  };
  const settle = (key: string, answer: Loaded<unknown>): void => {
    // One that was forgotten meanwhile is asked for again when it is needed again.
    if (ended || !answers.has(key)) return;
    remember(key, answer);
    changed();
  };

  return {
    mask: (slot, run, mask, generation) =>
      // A candidate never changes; a named mask may be written again as a run goes on.
      get(
        slot,
        run,
        mask.kind === 'candidate' ? `mask ${mask.key}` : `mask ${mask.name} ${generation}`,
        async () => (await deps.mask(run, mask)).bits,
      ),
    frequency: (run, generation) =>
      get('frequency', run, `frequency ${generation}`, () => deps.frequency(run)),
    importance: (run) =>
      get('importance', run, 'importance', async () => (await deps.importance(run)).ranks),
    scores: (run, layer) =>
      get(
        `scores ${layer}`,
        run,
        `scores ${layer}`,
        async () => (await deps.layerScores(run, layer)).scores,
      ),
    retry() {
      for (const [key, { failed }] of answers) if (failed !== null) answers.delete(key);
      changed();
    },
    dispose() {
      ended = true;
      answers.clear();
      shown.clear();
    },
  };
}
