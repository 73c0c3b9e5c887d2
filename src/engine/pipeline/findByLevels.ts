import * as Type from 'typebox';
import { EngineError } from '../../protocol/errors.ts';
import type { LevelModel, Levels } from '../levels/levelModel.ts';
import { orderScores } from '../levels/orderScores.ts';
import { evenLevels } from '../levels/startLevels.ts';
import { type BudgetRange, budgetRange } from '../levels/switches.ts';
import { blockOf } from '../model/block.ts';
import { blockBudget } from '../model/cost.ts';
import type { Subnet } from '../model/subnet.ts';
import { rngFor } from '../numeric/rng.ts';
import { decodeSubnet, encodeSubnet } from '../subnet/encode.ts';
import type { FoundSubnet } from './foundSubnet.ts';
import { levelsBeside, LEVELS_FOLDER, openLevels } from './levelFolders.ts';
import { searchLevelsOfRun } from './levelSearch.ts';
import type { Candidate } from './measureFigures.ts';
import { randomControl } from './randomControl.ts';
import { reformStage } from './reformStage.ts';
import type { Progress, RunContext } from './runContext.ts';
import { writeScores } from './scoreStage.ts';
import type { TokenPlan } from './tokenPlan.ts';
import type { Workbench } from './workbench.ts';

/**
 * Finds a subnet by levels: every sublayer is refitted at a row of widths, a search by switches chooses
 * among them on the budget, and the weights of what it chose are refitted on the inputs that they get.
 * @throws EngineError as the stages do; `checkpoint` for a model of which units were removed before
 */
export async function findByLevels(
  run: RunContext,
  bench: Workbench,
  tokens: TokenPlan,
): Promise<FoundSubnet> {
  const { config } = run;
  const { weights } = bench;
  const model = await levelsStage(run, bench, tokens.calibration);
  const { budget, start, random } = await startStage(run, model);
  const found = config.search.enabled
    ? await searchStage(run, bench, { model, start, budget, windows: tokens.search })
    : start;
  const searched = await candidateAt(model, found);
  const dense = model.weights;
  const reform = await reformStage(run, bench, { dense, ...searched }, tokens.calibration);
  return {
    ...{ searched, reform, wasSearched: config.search.enabled, rotated: true },
    initialised: await candidateAt(model, start),
    random: random === null ? null : { weights, subnet: random },
  };
}

/** The model at a choice of levels. */
export async function candidateAt(model: LevelModel, levels: Levels): Promise<Candidate> {
  return { weights: await model.at(levels), subnet: model.subnet(levels) };
}

/**
 * The levels of a run's model: those in its folder or in that of another run of the same model and text,
 * else made anew. Levels that are damaged are made again.
 * @param windows  calibration windows
 * @throws EngineError `checkpoint`, `config`, `numeric`, `disk`, `cancelled`
 */
export function openLevelsOfRun(
  run: RunContext,
  bench: Workbench,
  windows: readonly Uint32Array[],
  progress?: Progress,
): Promise<LevelModel> {
  return openLevels(bench, {
    ...{ config: run.config, windows, signal: run.signal },
    folder: run.folder.folder(LEVELS_FOLDER),
    others: levelsBeside(run.folder.path),
    note: (text) => {
      run.log('info', text);
    },
    ...(progress && { progress }),
  });
}

function levelsStage(
  run: RunContext,
  bench: Workbench,
  windows: readonly Uint32Array[],
): Promise<LevelModel> {
  let made: LevelModel | undefined;
  return run.stage('calibrate', {
    kept: Type.Object({}),
    restore: async () => made ?? (await openLevelsOfRun(run, bench, windows)),
    work: async (progress) => {
      made = await openLevelsOfRun(run, bench, windows, progress);
      const { shape } = made.weights;
      const scores = made.blocks.map(({ orders }, l) => orderScores(blockOf(shape, l), orders));
      writeScores(run, shape, scores);
      return {};
    },
  });
}

/** The choices of levels that need no search, on the budget. */
function startStage(
  run: RunContext,
  model: LevelModel,
): Promise<{ budget: BudgetRange; start: Levels; random: Subnet | null }> {
  const { config } = run;
  const { shape } = model.weights;
  return run.stage('score', {
    kept: Type.Object({}),
    restore: () => {
      const budget = budgetRange(shape, blockBudget(shape, config.ratio));
      const start = evenLevels(model, budget, rngFor(config.seed, 'even levels'));
      run.folder.writeMasks('initialised', encodeSubnet(model.subnet(start)));
      return { budget, start, random: randomControl(run, shape) };
    },
    work: () => Promise.resolve({}),
  });
}

function searchStage(
  run: RunContext,
  bench: Workbench,
  input: Parameters<typeof searchLevelsOfRun>[2],
): Promise<Levels> {
  const { model } = input;
  return run.stage('search', {
    kept: Type.Object({}),
    restore: () => levelsOf(model, run.folder.readMasks('searched'), 'masks/searched.json'),
    work: async (progress) => {
      const found = await searchLevelsOfRun(run, bench, input, progress);
      run.folder.writeMasks('searched', encodeSubnet(model.subnet(found)));
      return {};
    },
  });
}

function levelsOf(model: LevelModel, value: unknown, path: string): Levels {
  const levels = model.levelsOf(decodeSubnet(model.weights.shape, value, path));
  if (levels !== null) return levels;
  throw new EngineError('decode', {
    what: path,
    expected: 'the masks of a choice of levels',
    found: 'other masks',
    action: 'They are searched again.',
    sentence: `The masks in ${path} are damaged: they are not those of any choice of levels.`,
  });
}
