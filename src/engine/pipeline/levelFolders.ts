import { readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { makeFolderInside } from '../../files/insideFolder.ts';
import { onDisk } from '../../files/writeFile.ts';
import { EngineError, misfit } from '../../protocol/errors.ts';
import type { ResolvedConfig } from '../../protocol/runConfig.ts';
import { bytesText } from '../../protocol/sizeText.ts';
import { batchesOf } from '../evaluation/tokenBatches.ts';
import { buildLevels } from '../levels/buildLevels.ts';
import { levelsKey, sealLevels, stateOfLevels, takeLevels } from '../levels/levelFolder.ts';
import { type BlockGrid, blockGrid, stepParametersOf } from '../levels/levelGrid.ts';
import { LevelModel } from '../levels/levelModel.ts';
import { levelBytes, LevelStore } from '../levels/levelStore.ts';
import { blocksOf } from '../model/block.ts';
import type { ModelShape } from '../model/modelShape.ts';
import type { Progress } from './runContext.ts';
import type { Workbench } from './workbench.ts';

/** Name of the folder of levels in a run folder. */
export const LEVELS_FOLDER = 'levels';

/** How much coarser the next grid is where one takes too much space. */
const COARSER = 1.25;
/** Grids that are tried: the last has the fewest levels that a grid can have. */
const MOST_TRIES = 40;

/** The levels of each block that a config has room for, and the bytes that they take. */
export interface PlannedLevels {
  /** [L] */
  readonly grids: readonly BlockGrid[];
  readonly bytes: number;
}

/**
 * The levels of a model that fit into the space of a config: as many as keep budgets within a
 * thousandth, fewer where they would take too much.
 * @throws EngineError `config` when not even the fewest fit
 */
export function planLevels(shape: ModelShape, { levels }: ResolvedConfig): PlannedLevels {
  const blocks = blocksOf(shape);
  const most = levels.diskGB * 1e9;
  let step = stepParametersOf(blocks);
  let least = Infinity;
  for (let i = 0; i < MOST_TRIES; i++) {
    const grids = blocks.map((block) => blockGrid(block, step));
    const bytes = blocks.reduce((sum, block, l) => sum + levelBytes(block, grids[l]!), 0);
    if (bytes <= most) return { grids, bytes };
    least = Math.min(least, bytes);
    step *= COARSER;
  }
  throw new EngineError('config', {
    ...misfit('"levels.diskGB"', `at least ${bytesText(least)}`, bytesText(most)),
    action: 'Raise "levels.diskGB", or use "method": "paper".',
    sentence: `The levels of this model take at least ${bytesText(least)} of disk space, but "levels.diskGB" allows ${bytesText(most)}.`,
  });
}

/** What {@link openLevels} needs besides the model. */
export interface LevelsPlace {
  readonly config: ResolvedConfig;
  /** An existing folder of ours for the levels. */
  readonly folder: string;
  /** Folders that may hold the same levels, the likeliest first. */
  readonly others: readonly string[];
  /** Calibration windows. */
  readonly windows: readonly Uint32Array[];
  readonly signal: AbortSignal;
  readonly progress?: Progress;
  /** Told a line for people. */
  readonly note: (text: string) => void;
}

/**
 * The levels of a model: those in the folder, else those of another folder, else made anew.
 * @throws EngineError `config` when they take too much space; `checkpoint` for a model of which units
 *   were removed before; `numeric`, `disk`, `cancelled`
 */
export async function openLevels(bench: Workbench, place: LevelsPlace): Promise<LevelModel> {
  const { windows, signal, progress, note } = place;
  const { weights, forward, solver } = bench;
  const { layers } = weights.shape;
  const { grids } = planLevels(weights.shape, place.config);
  const key = await levelsKey(weights, windows, grids, signal);
  const folder = makeFolderInside(place.folder, nameOf(key));
  const state = await stateOfLevels(folder, key, layers, signal);
  if (state === 'damaged') {
    note('The levels of this run are damaged: they are made again.');
    // A file that is there counts as made.
    onDisk(folder, () => {
      for (const name of readdirSync(folder)) rmSync(join(folder, name), { force: true });
    });
  }
  if (state !== 'whole') {
    const known = await takenFrom(place, folder, key, layers);
    if (known === null) {
      const store = new LevelStore(folder);
      const batches = batchesOf(windows);
      await buildLevels({
        ...{ forward, solver, weights, batches, grids, store, signal },
        onProgress: (done, total) => progress?.(done, total),
      });
      await sealLevels(folder, key, layers, signal);
    } else note(`Levels of the same model and text are taken from ${known}.`);
  }
  return LevelModel.open(weights, grids, new LevelStore(folder), signal);
}

/** Levels of different texts do not share a folder, so that none are taken for others. */
function nameOf(key: string): string {
  return key.slice(0, 16);
}

async function takenFrom(
  { others, signal }: LevelsPlace,
  folder: string,
  key: string,
  layers: number,
): Promise<string | null> {
  for (const other of others) {
    const from = join(other, nameOf(key));
    if (await takeLevels(from, folder, key, layers, signal)) return from;
  }
  return null;
}

/** Folders of levels of the other runs beside a run, the newest first. */
export function levelsBeside(runFolder: string): string[] {
  const root = dirname(runFolder);
  try {
    return readdirSync(root)
      .sort()
      .reverse()
      .map((name) => join(root, name))
      .filter((path) => path !== runFolder)
      .map((path) => join(path, LEVELS_FOLDER));
  } catch {
    return [];
  }
}
