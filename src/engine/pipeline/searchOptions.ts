import type { ResolvedConfig } from '../../protocol/runConfig.ts';
import { type EvolveOptions, methodAOptions, quickOptions } from '../search/options.ts';
import { methodARanges, type RatioRange, type SearchSpace } from '../search/space.ts';

/**
 * The evolution a config asks for. The config names the numbers a user may want to change; how
 * strongly a draw follows the scores belongs to the preset.
 */
export function evolveOptionsOf(search: ResolvedConfig['search']): EvolveOptions {
  const { mutation } = search;
  const strong = search.population - search.mutations - search.crossovers;
  return {
    ...(search.preset === 'quick' ? quickOptions : methodAOptions),
    population: search.population,
    survivors: search.top,
    generations: search.generations,
    mutations: search.mutations,
    crossovers: search.crossovers,
    strongMutations: Math.max(0, strong),
    rates: { depth: mutation.depth, ratio: mutation.ratio, mask: mutation.mask },
    initialRates: { depth: 0, ratio: mutation.initialRatio, mask: mutation.initialMask },
    keepShare: search.alpha,
    patience: search.patience === 0 ? null : search.patience,
  };
}

/** Candidates a search judges at most: the initial subnet, the first generation and its children. */
export function candidatesOf(options: EvolveOptions): number {
  const { mutations, crossovers, strongMutations } = options;
  return 1 + options.population + options.generations * (mutations + crossovers + strongMutations);
}

/**
 * The search space a config asks for; ranges it leaves open are the paper's.
 * @param layers  L; the config gives depth as fractions of it
 */
export function spaceOf(config: ResolvedConfig, layers: number): SearchSpace {
  const { attention, mlp, depth } = config.search.ranges;
  const paper = methodARanges(config.ratio, layers);
  return {
    masks: config.attention,
    attention: attention === null ? paper.attention : rangeOf(attention),
    mlp: mlp === null ? paper.mlp : rangeOf(mlp),
    depth:
      depth === null
        ? paper.depth
        : { least: Math.ceil(depth[0] * layers), most: Math.ceil(depth[1] * layers) },
  };
}

function rangeOf([least, most, step]: readonly [number, number, number]): RatioRange {
  return { least, most, step };
}
