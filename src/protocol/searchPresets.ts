import type { ResolvedConfig, RunConfig } from './runConfig.ts';

type Search = ResolvedConfig['search'];
type Numbers = Omit<Search, 'enabled' | 'preset' | 'ranges'>;
type Ranges = Search['ranges'];

/**
 * Search values by preset.
 * @source Shen et al. 2024, section 5 and appendix (METHODS 1.1, 1.3 for the fitness windows).
 * Deviation: blocks are removed by influence, not from the tail as the published code does, because
 * the last blocks matter most in the models we measured; `search.blockOrder: "tail"` gives theirs.
 */
export const searchPresets: Readonly<Record<Search['preset'], Numbers>> = {
  methodA: {
    fitness: 'perplexity',
    windows: 5,
    length: 2048,
    population: 100,
    top: 10,
    generations: 50,
    mutations: 50,
    crossovers: 30,
    mutation: { depth: 0.1, ratio: 0.1, mask: 0.3, initialRatio: 0.3, initialMask: 0.6 },
    alpha: 0.8,
    patience: 0,
    blockOrder: 'influence',
  },
  quick: {
    fitness: 'perplexity',
    windows: 4,
    length: 256,
    population: 16,
    top: 4,
    generations: 6,
    mutations: 8,
    crossovers: 5,
    mutation: { depth: 0.1, ratio: 0.1, mask: 0.3, initialRatio: 0.3, initialMask: 0.6 },
    alpha: 0.8,
    patience: 4,
    blockOrder: 'influence',
  },
};

/** How far below its ratio a row of the paper still serves: half the step between rows. */
const ROW_REACH = 0.05;

/** The search space of the paper by kept ratio: table of METHODS 1.1, depth of the 7B column. */
const paperRanges: readonly (Ranges & { readonly ratio: number })[] = [
  { ratio: 0.9, attention: [0.9, 1, 0.01], mlp: [0.6, 1, 0.05], depth: [1, 1] },
  { ratio: 0.8, attention: [0.8, 1, 0.01], mlp: [0.4, 1, 0.05], depth: [1, 1] },
  { ratio: 0.7, attention: [0.3, 1, 0.01], mlp: [0.2, 1, 0.05], depth: [0.9375, 1] },
  { ratio: 0.6, attention: [0.6, 1, 0.01], mlp: [0.1, 1, 0.05], depth: [0.875, 1] },
  { ratio: 0.5, attention: [0.6, 1, 0.01], mlp: [0.1, 1, 0.05], depth: [0.875, 1] },
];

/**
 * The search section with every value present: the user's, else the preset's.
 * @param search  the section as written, if any
 * @param ratio  kept fraction of the run; picks the row of the paper's search space
 */
export function expandSearch(search: RunConfig['search'], ratio: number): Search {
  const given = search ?? {};
  const preset = given.preset ?? 'methodA';
  const base = searchPresets[preset];
  return {
    ...base,
    ...given,
    enabled: given.enabled ?? true,
    preset,
    mutation: { ...base.mutation, ...given.mutation },
    ranges: { ...rangesFor(ratio), ...given.ranges },
  };
}

/**
 * Row of the paper for the nearest ratio. Below the paper's ratios the lower ends are lowered to
 * what the ratio needs, else no subnet would fit the budget.
 */
function rangesFor(ratio: number): Ranges {
  const row = paperRanges.reduce((best, next) =>
    Math.abs(next.ratio - ratio) < Math.abs(best.ratio - ratio) ? next : best,
  );
  if (ratio >= row.ratio - ROW_REACH) {
    return { attention: row.attention, mlp: row.mlp, depth: row.depth };
  }
  return {
    attention: [Math.min(row.attention[0], ratio), 1, row.attention[2]],
    mlp: [Math.min(row.mlp[0], ratio / 2), 1, row.mlp[2]],
    depth: row.depth,
  };
}
