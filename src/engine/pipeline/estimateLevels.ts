import { calibrationBytes } from '../calibration/collect.ts';
import { CACHE_BYTES } from '../levels/levelModel.ts';
import { blocksOf } from '../model/block.ts';
import type { ModelShape } from '../model/modelShape.ts';
import { batchesOf, bodyFlops, headFlops, keptShare } from './estimateFlops.ts';
import type { EstimatedWork } from './estimateSpace.ts';
import type { Work } from './estimateStages.ts';
import { planLevels } from './levelFolders.ts';
import { raceOf } from './levelSearch.ts';

type LevelsWork = Omit<EstimatedWork, 'checkpointBytes'>;

/** Share of the blocks that a child computes; it begins with the parent's streams. */
const UNCACHED_SHARE = 0.6;

/** Work of making levels. @param statistics  those of the dense model */
export function levelsWork(rated: EstimatedWork, statistics: Work): Work {
  const { shape } = rated;
  return {
    ...statistics,
    flops64: sweepFlops(shape),
    // Written, then hashed.
    bytes: 2 * levelsOnDisk(rated),
    what: `${statistics.what}; ${2 * shape.layers} sublayers refitted at each of their widths`,
  };
}

/** Work of a search of levels. */
export function levelSearchWork(rated: EstimatedWork): Work {
  const { shape, config, counts } = rated;
  const [windows, length] = counts.search;
  const judged = searchedWindows(rated);
  const tokens = judged * length;
  const children = childrenOf(config);
  return {
    flops: bodyFlops(rated, tokens, length, keptShare(rated)) + headFlops(rated, tokens),
    calls: batchesOf(tokens, length) * (2 * shape.layers + 4),
    what: `${children} choices of levels, raced on up to ${windows} windows of ${length} tokens`,
  };
}

/** Children that a search of levels judges at most, the start included. */
export function childrenOf({ search }: EstimatedWork['config']): number {
  return 1 + search.generations * search.population;
}

/** Windows that a search of levels sends through all blocks, as often as they go. */
function searchedWindows({ config, counts }: EstimatedWork): number {
  const [windows] = counts.search;
  const { generations, population } = config.search;
  let [judged, seen, rivals] = [0, 0, population];
  for (const stage of raceOf(windows)) {
    judged += (stage.windows - seen) * (1 + rivals * UNCACHED_SHARE);
    [seen, rivals] = [stage.windows, stage.survivors];
  }
  // Of a generation without a better child the last stage is left out.
  judged += windows - seen;
  // The dense model and the start are judged on all of them.
  return 2 * windows + generations * judged;
}

/** Float64 operations of the sweeps of all blocks: inverses, and the updates of every removal. */
function sweepFlops({ layers, hidden, heads, headDim, intermediate }: ModelShape): number {
  const widths = [heads * headDim, intermediate];
  const each = widths.map((width) => 2 * width ** 3 + width ** 2 * hidden);
  return layers * (each[0]! + each[1]!);
}

/** Bytes that the levels of a config take on disk; 0 where they do not fit, which is said elsewhere. */
export function levelsOnDisk({ shape, config }: LevelsWork): number {
  try {
    return planLevels(shape, config).bytes;
  } catch {
    return 0;
  }
}

/** Memory of levels at the peak of each stage, bytes, beside the weights of the source. */
export function levelsMemory(work: LevelsWork): {
  readonly calibrate: number;
  readonly search: number;
  /** Output maps of one choice of levels. */
  readonly chosen: number;
} {
  const { shape, counts } = work;
  const { hidden, layers, heads, kvHeads, headDim, intermediate } = shape;
  const tokens = counts.calibration[0] * counts.calibration[1];
  const width = Math.max(heads * headDim, intermediate);
  // On disk in half precision, in memory in double precision.
  const ofBlock = (4 * levelsOnDisk(work)) / blocksOf(shape).length;
  const rotated = 4 * layers * (heads + kvHeads) * headDim * hidden;
  const [windows, length] = counts.search;
  const race = raceOf(windows);
  const most = Math.max(...race.map((stage, i) => stage.windows - (race[i - 1]?.windows ?? 0)));
  return {
    calibrate: calibrationBytes(shape, tokens) + ofBlock + 24 * width * (width + hidden),
    search: rotated + CACHE_BYTES + 4 * layers * most * length * hidden,
    chosen: rotated + 4 * layers * (heads * headDim + intermediate) * hidden,
  };
}
