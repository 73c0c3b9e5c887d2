import { makeFolderInside } from '../../files/insideFolder.ts';
import { fillDefaults } from '../../protocol/configDefaults.ts';
import type { ResolvedConfig } from '../../protocol/runConfig.ts';
import { expandSearch } from '../../protocol/searchPresets.ts';
import { narrowed } from '../baselines/structuredSubnet.ts';
import { LevelEvaluator } from '../levels/levelEvaluator.ts';
import type { LevelModel } from '../levels/levelModel.ts';
import { searchLevels } from '../levels/searchLevels.ts';
import { evenLevels } from '../levels/startLevels.ts';
import { budgetRange } from '../levels/switches.ts';
import { blockBudget } from '../model/cost.ts';
import { rngFor } from '../numeric/rng.ts';
import type { Comparison, Made, PlannedRow } from './comparison.ts';
import { measured, type Measured, sumOf } from './comparisonEffort.ts';
import { LEVELS_FOLDER, openLevels } from './levelFolders.ts';
import { raceOf } from './levelSearch.ts';
import { reformed } from './reformStage.ts';

/**
 * Our own method at one ratio: levels, searched by switches with its default numbers, then reformed.
 * @param at  the kept share and what its row says of it
 * @param levels  of the model, made when the first row asks
 */
export function levelsRow(
  comparison: Comparison,
  at: { readonly ratio: number; readonly pattern: string },
  levels: () => Promise<Measured<LevelModel>>,
): PlannedRow {
  const config = levelsConfig(comparison.config, at.ratio);
  return {
    name: { method: 'levels', pattern: at.pattern, scope: 'structured' },
    make: () => make(comparison, config, levels),
  };
}

/** The levels of a comparison's model, in the folder of the comparison. */
export function levelsOf({ bench, config, work }: Comparison): Promise<LevelModel> {
  const { folder, tokens, signal, note } = work;
  return openLevels(bench, {
    config: levelsConfig(config, 1),
    ...{ windows: tokens.calibration, others: [], signal, note },
    folder: makeFolderInside(folder, LEVELS_FOLDER),
    progress: (done, total) => {
      note(`Levels: ${done} of ${total} blocks`);
    },
  });
}

function levelsConfig(config: ResolvedConfig, ratio: number): ResolvedConfig {
  const { windows, length } = config.search;
  const search = { ...expandSearch({ windows, length }, 'levels'), fitness: config.search.fitness };
  // Rows do not depend on how much space there is.
  const { levels } = fillDefaults({ model: '', text: '', ratio: 1 });
  const reform = { ...config.reform, method: 'leastSquares', target: 'auto' } as const;
  return { ...config, ratio, method: 'levels', levels, search, reform };
}

async function make(
  { bench, work }: Comparison,
  config: ResolvedConfig,
  levels: () => Promise<Measured<LevelModel>>,
): Promise<Made> {
  const { value: model, effort: shared } = await levels();
  const { forward, head, weights } = bench;
  const { tokens, signal } = work;
  const { value: contender, effort } = await measured(forward, async () => {
    const budget = budgetRange(weights.shape, blockBudget(weights.shape, config.ratio));
    const start = evenLevels(model, budget, rngFor(config.seed, 'even levels'));
    const kind = config.search.fitness;
    const evaluator = await LevelEvaluator.create({
      ...{ forward, head, model, windows: tokens.search, kind, signal },
    });
    const losses = await evaluator.losses(start, undefined, signal);
    const found = await searchLevels({
      ...{ model, evaluator, budget, seed: config.seed, signal },
      start: { generation: 0, levels: start, losses },
      options: {
        generations: config.search.generations,
        children: config.search.population,
        stages: raceOf(tokens.search.length),
      },
    });
    const subnet = model.subnet(found.levels);
    const candidate = { dense: model.weights, weights: await model.at(found.levels), subnet };
    const own = await reformed(bench, candidate, tokens.calibration, { config, signal });
    return narrowed(own.weights, subnet);
  });
  return { contender, effort: sumOf([shared, effort]) };
}
