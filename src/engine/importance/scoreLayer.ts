import { EngineError, throwIfAborted } from '../../protocol/errors.ts';
import type { InputStatistics, LayerStatistics } from '../calibration/statistics.ts';
import type { ModelShape } from '../model/modelShape.ts';
import type { LayerWeights } from '../checkpoint/modelWeights.ts';
import type { Solver } from '../runtime/solver.ts';
import type { LayerScores } from '../model/subnet.ts';
import { energyScores } from './energy.ts';
import { type LinearScores, normalised } from './linearScores.ts';
import { magnitudeScores } from './magnitude.ts';
import { obsScores } from './obs.ts';
import { unitScores } from './unitScores.ts';
import { wandaScores } from './wanda.ts';

/** A block to be scored. */
export interface ScoredLayer {
  /** Names the block in an error, e.g. `block 3`. */
  readonly name: string;
  readonly shape: ModelShape;
  readonly weights: LayerWeights;
  /** Inputs of the dense block; null is enough for a score that {@link needsStatistics} denies. */
  readonly statistics: LayerStatistics | null;
}

/** Names of the scores. */
export type ScoreName = 'energy' | 'obs' | 'magnitude' | 'wanda';

/** Which score, and how. */
export interface ScoreOptions {
  readonly score: ScoreName;
  /** Of the Gram diagonal, as a fraction of its mean; positive. Used by `obs` only. */
  readonly damping: number;
  /**
   * `raw` adds the scores of different weights as they are, the paper's way; `share` makes each
   * weigh the same. `energy` is in shares anyway.
   */
  readonly scale: 'raw' | 'share';
}

/** True when a score looks at calibration statistics. */
export function needsStatistics(score: ScoreName): boolean {
  return score !== 'magnitude';
}

/**
 * The importance of every prunable unit of a block; larger is more worth keeping.
 * @throws EngineError `shape` when the statistics are missing or belong to other sizes, `numeric`
 *   when a Gram matrix cannot be factored, `cancelled`
 */
export async function scoreLayer(
  layer: ScoredLayer,
  options: ScoreOptions,
  solver: Solver,
  signal?: AbortSignal,
): Promise<LayerScores> {
  throwIfAborted(signal);
  if (options.score === 'energy') {
    return energyScores(layer.weights, checkedStatistics(layer), solver, signal);
  }
  const { score, damping } = options;
  const rows = await linearScores(layer, { score, damping }, solver, signal);
  const { attention } = layer.weights.block;
  return unitScores(options.scale === 'share' ? normalised(rows) : rows, attention);
}

/** Scores that are sums over the rows of single weights. */
type LinearScore = Exclude<ScoreName, 'energy'>;

async function linearScores(
  layer: ScoredLayer,
  { score, damping }: Pick<ScoreOptions, 'damping'> & { readonly score: LinearScore },
  solver: Solver,
  signal: AbortSignal | undefined,
): Promise<LinearScores> {
  const { name, shape, weights } = layer;
  switch (score) {
    case 'magnitude':
      return magnitudeScores(weights, shape.hidden);
    case 'wanda':
      return wandaScores(weights, checkedStatistics(layer));
    case 'obs':
      return obsScores(weights, checkedStatistics(layer), { damping, name }, solver, signal);
  }
}

function checkedStatistics({ name, shape, statistics }: ScoredLayer): LayerStatistics {
  const expected = {
    attentionInput: shape.hidden,
    context: shape.heads * shape.headDim,
    mlpInput: shape.hidden,
    hidden: shape.intermediate,
  };
  for (const [key, width] of Object.entries(expected)) {
    const found = statistics?.[key as keyof LayerStatistics];
    if (found?.width !== width || found.gram.length !== width * width) {
      throw mismatch(`${name}: statistics "${key}"`, width, found);
    }
  }
  return statistics!;
}

function mismatch(what: string, width: number, found: InputStatistics | undefined): EngineError {
  return new EngineError('shape', {
    what,
    expected: `a Gram matrix of ${width} inputs`,
    found: found === undefined ? 'none' : `${found.gram.length} entries, width ${found.width}`,
    action: 'Gather the calibration statistics of this model again.',
    sentence: `The calibration statistics do not fit the model, which has ${width} inputs here: ${what}.`,
  });
}
