import { DEFAULT_METHOD, type Method } from './methods.ts';
import type { ResolvedConfig, RunConfig } from './runConfig.ts';

type Search = ResolvedConfig['search'];
type Numbers = Omit<Search, 'enabled' | 'preset' | 'ranges'>;

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
    windows: 16,
    length: 256,
    population: 24,
    top: 6,
    generations: 8,
    mutations: 10,
    crossovers: 6,
    mutation: { depth: 0.1, ratio: 0.1, mask: 0.3, initialRatio: 0.3, initialMask: 0.6 },
    alpha: 0.98,
    patience: 0,
    blockOrder: 'influence',
  },
};

/**
 * Search values by the name that stands for them: the method "levels", or a preset of the paper's. Those
 * that "levels" does not read are the quick preset's.
 */
export const searchNumbers = {
  levels: { ...searchPresets.quick, windows: 40, length: 512, population: 12, generations: 40 },
  ...searchPresets,
} as const satisfies Readonly<Record<string, Numbers>>;

/**
 * The search section with every value present: the user's, else the preset's or the method's.
 * @param search  the section as written, if any
 */
export function expandSearch(search: RunConfig['search'], method: Method = DEFAULT_METHOD): Search {
  const given = search ?? {};
  const preset = given.preset ?? 'methodA';
  const base = searchNumbers[method === 'levels' ? method : preset];
  return {
    ...base,
    ...given,
    enabled: given.enabled ?? true,
    preset,
    mutation: { ...base.mutation, ...given.mutation },
    ranges: { attention: null, mlp: null, depth: null, ...given.ranges },
  };
}
