import { EngineError, misfit } from '../../protocol/errors.ts';
import { collectStatistics } from '../calibration/collect.ts';
import type { WeightSource } from '../checkpoint/weightSource.ts';
import type { Runner } from '../graphs/runner.ts';
import { blockOf } from '../model/block.ts';
import { isUneven } from '../model/subnet.ts';
import type { Solver } from '../runtime/solver.ts';
import { prepareBlock } from './blockLevels.ts';
import type { BlockGrid } from './levelGrid.ts';
import type { LevelStore } from './levelStore.ts';

/** What {@link buildLevels} needs. */
export interface LevelsRequest {
  readonly forward: Runner;
  readonly solver: Solver;
  readonly weights: WeightSource;
  /** Calibration windows grouped into batches, all of one length. */
  readonly batches: readonly (readonly Uint32Array[])[];
  /** [L] */
  readonly grids: readonly BlockGrid[];
  readonly store: LevelStore;
  readonly signal?: AbortSignal | undefined;
  /** Told the blocks that are done, of how many. */
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Works out the levels of every block of a dense model and writes them. Blocks that the store holds
 * already are not worked out again, so a build that was stopped goes on where it was.
 *
 * Memory: {@link collectStatistics}, and the levels of one block in float64.
 * @throws EngineError `checkpoint` for a model of which units were removed before; `numeric`, `disk`,
 *   `cancelled`
 */
export async function buildLevels(request: LevelsRequest): Promise<void> {
  const { forward, solver, weights, batches, grids, store, signal, onProgress } = request;
  if (isUneven(weights.shape)) throw prunedBefore();
  const isDone = await Promise.all(
    grids.map((grid, index) => store.has(index, blockOf(weights.shape, index), grid)),
  );
  if (!isDone.includes(false)) return;
  await collectStatistics(
    forward,
    weights,
    batches,
    async ({ layer: index, weights: layer, statistics }) => {
      if (isDone[index] !== true) {
        const options = { index, solver, signal };
        const prepared = await prepareBlock(layer, statistics, grids[index]!, options);
        await store.write(index, prepared, signal);
      }
      onProgress?.(index + 1, grids.length);
    },
    signal,
  );
}

/** In another basis of the values the dimensions that are there would have no places of their own. */
function prunedBefore(): EngineError {
  return new EngineError('checkpoint', {
    ...misfit(
      'The levels of a model',
      'blocks that have all of their units',
      'units removed before',
    ),
    action: 'Use the model that it was pruned from.',
    sentence:
      'Levels are made of whole models only: of this one units were removed before, some of them within heads.',
  });
}
