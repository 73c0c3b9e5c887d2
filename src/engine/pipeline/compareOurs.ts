import { rmSync } from 'node:fs';
import { insideFolder, makeFolderInside } from '../../files/insideFolder.ts';
import { readPlainText } from '../../files/plainFile.ts';
import { onDisk, replaceJson } from '../../files/writeFile.ts';
import { parseJson } from '../../protocol/decode.ts';
import { EngineError, isEngineError, misfit } from '../../protocol/errors.ts';
import type { ResolvedConfig } from '../../protocol/runConfig.ts';
import { expandSearch } from '../../protocol/searchPresets.ts';
import { narrowed } from '../baselines/structuredSubnet.ts';
import { LevelEvaluator } from '../levels/levelEvaluator.ts';
import type { LevelModel } from '../levels/levelModel.ts';
import { searchLevels, type SwitchState } from '../levels/searchLevels.ts';
import { evenLevels } from '../levels/startLevels.ts';
import { budgetRange } from '../levels/switches.ts';
import { blockBudget } from '../model/cost.ts';
import { isUneven } from '../model/subnet.ts';
import { rngFor } from '../numeric/rng.ts';
import { MOST_JSON_BYTES } from '../runs/runLayout.ts';
import type { Comparison, Made, PlannedRow } from './comparison.ts';
import { type Effort, measured, type Measured, sumOf } from './comparisonEffort.ts';
import { METHODS_REVISION } from './comparisonKey.ts';
import { candidateAt } from './findByLevels.ts';
import { LEVELS_FOLDER, openLevels } from './levelFolders.ts';
import { decodeState, encodeState, raceOf } from './levelSearch.ts';
import { reformed } from './reformStage.ts';

/**
 * Our method at one ratio: levels of every sublayer, a search by switches among them, and a reform of
 * what it chose.
 * @param at  the kept share and what its row says of it
 * @param levels  of the dense model, made when the first row asks
 */
export function oursRows(
  comparison: Comparison,
  at: { readonly ratio: number; readonly pattern: string },
  levels: () => Promise<Measured<LevelModel>>,
): PlannedRow[] {
  const config = oursConfig(comparison.config, at.ratio);
  return [
    {
      name: { method: 'ours', pattern: at.pattern, scope: 'structured' },
      make: () => make(comparison, config, levels),
    },
  ];
}

/** The levels that all ratios share, in the folder of the comparison until that is finished. */
export function comparedLevels({ bench, config, work }: Comparison): Promise<LevelModel> {
  const { tokens, signal, note } = work;
  const folder = makeFolderInside(work.folder, LEVELS_FOLDER);
  const place = { config, folder, others: [], windows: tokens.calibration, signal, note };
  return openLevels(bench, place);
}

/**
 * Deletes the levels of a finished comparison: they are large, and no row wants them any more.
 * @throws EngineError `disk`
 */
export function releaseLevels(folder: string): void {
  const path = insideFolder(folder, LEVELS_FOLDER);
  onDisk(path, () => {
    rmSync(path, { recursive: true, force: true });
  });
}

/** The settings of runs by levels; windows are the comparison's. */
function oursConfig(config: ResolvedConfig, ratio: number): ResolvedConfig {
  const { windows, length, fitness } = config.search;
  const search = expandSearch({ windows, length, fitness }, 'levels');
  return {
    ...config,
    ratio,
    method: 'levels',
    search,
    reform: { ...config.reform, target: 'auto' },
  };
}

async function make(
  comparison: Comparison,
  config: ResolvedConfig,
  levels: () => Promise<Measured<LevelModel>>,
): Promise<Made> {
  const { bench, work } = comparison;
  if (isUneven(bench.weights.shape)) throw prunedBefore();
  const { value: model, effort: built } = await levels();
  const { state, effort: searching } = await searched(comparison, config, model);
  const { value, effort } = await measured(bench.forward, async () => {
    const candidate = await candidateAt(model, state.levels);
    if (config.reform.method === 'none') return narrowed(candidate.weights, candidate.subnet);
    const { signal, tokens } = work;
    const toReform = { dense: model.weights, ...candidate };
    const own = await reformed(bench, toReform, tokens.calibration, { config, signal });
    return narrowed(own.weights, candidate.subnet);
  });
  return { contender: value, effort: sumOf([built, searching, effort]) };
}

/** A search, and what it took from levels to where it is. */
interface Searched {
  readonly state: SwitchState;
  readonly effort: Effort;
}

/** The searched levels of a ratio; a search that was stopped goes on with its last generation. */
async function searched(
  { bench, work }: Comparison,
  config: ResolvedConfig,
  model: LevelModel,
): Promise<Searched> {
  const { forward, head } = bench;
  const { signal, tokens } = work;
  const { fitness: kind, generations, population: children } = config.search;
  const path = insideFolder(
    work.folder,
    `searched-${config.ratio}.ours.r${METHODS_REVISION.ours}.json`,
  );
  const budget = budgetRange(model.weights.shape, blockBudget(model.weights.shape, config.ratio));
  const windows = tokens.search;
  let found = readState(path, model, windows.length);
  if (found?.state.generation === generations) return found;
  const keep = (state: SwitchState, effort: Effort): Searched => {
    replaceJson(path, { state: encodeState(state), ...effort });
    return { state, effort };
  };
  const evaluator = await LevelEvaluator.create({ forward, head, model, windows, kind, signal });
  if (found === undefined) {
    const { value, effort } = await measured(forward, async () => {
      const levels = evenLevels(model, budget, rngFor(config.seed, 'even levels'));
      const losses = await evaluator.losses(levels, undefined, signal);
      return { generation: 0, levels, losses };
    });
    found = keep(value, effort);
  }
  const before = found;
  const [start, tokensBefore] = [performance.now(), forward.tokensForwarded];
  await searchLevels({
    ...{ model, evaluator, budget, start: before.state, seed: config.seed, signal },
    options: { generations, children, stages: raceOf(windows.length) },
    onGeneration: ({ state }) => {
      const seconds = (performance.now() - start) / 1000;
      const own = { seconds, tokens: forward.tokensForwarded - tokensBefore };
      found = keep(state, sumOf([before.effort, own]));
    },
  });
  return found;
}

/** Undefined when there is none; a damaged one is searched again. */
function readState(path: string, model: LevelModel, windows: number): Searched | undefined {
  const text = readPlainText(path, { links: 'refused', mostBytes: MOST_JSON_BYTES });
  if (text === undefined) return undefined;
  try {
    const kept = parseJson(text, path) as Partial<Record<string, unknown>>;
    const { seconds, tokens } = kept;
    const state = decodeState(kept['state'], model, windows);
    if (state === null || !Number.isFinite(seconds) || !Number.isFinite(tokens)) return undefined;
    return { state, effort: { seconds, tokens } as Effort };
  } catch (error) {
    if (!isEngineError(error, 'decode')) throw error;
    return undefined;
  }
}

/** A row that is left out, where a run by levels ends. */
function prunedBefore(): EngineError {
  return new EngineError('config', {
    ...misfit('The method "ours"', 'a whole model', 'one that was pruned before'),
    action: 'Compare on the model that it was pruned from.',
    sentence: 'Levels are made of whole models only: of this one units were removed before.',
  });
}
