import type { MaskRef } from '../../src/protocol/panelApi.ts';
import { createAnswers, type Loaded } from './answers.ts';
import type { HeatmapDeps } from './heatmapState.ts';

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

/**
 * Makes a source.
 * @param changed  called after an answer came
 */
export function createUnitSource(deps: HeatmapDeps, changed: () => void): UnitSource {
  const { get, retry, dispose } = createAnswers(MOST_ANSWERS, changed);
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
    retry,
    dispose,
  };
}
