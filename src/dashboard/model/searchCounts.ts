import type { RunModel } from './runModel.ts';
import { valueIn } from './runPlan.ts';

/** How far the search of a run is, as every view counts it. */
export interface SearchCounts {
  /** Subnets with a fitness; one that was met again counts once. */
  readonly judged: number;
  /** Subnets the search will judge at most; null while it has not said. */
  readonly planned: number | null;
  /** Last finished generation: 0 for the initial subnets, null before these are judged. */
  readonly generation: number | null;
  /** Generations of children it will breed at most; null when its config does not say. */
  readonly generations: number | null;
}

/**
 * Counts a search.
 * @param config  resolved config of the run
 */
export function searchCounts(
  model: RunModel,
  config: Readonly<Record<string, unknown>>,
): SearchCounts {
  const search = model.stages.find(({ stage }) => stage === 'search');
  const generations = valueIn(config, 'search', 'generations');
  const newest = model.generations.reduce((most, one) => Math.max(most, one.generation), -1);
  return {
    judged: model.judged,
    planned: search !== undefined && search.total > 0 ? search.total : null,
    generation: newest < 0 ? null : newest,
    generations: typeof generations === 'number' ? generations : null,
  };
}
