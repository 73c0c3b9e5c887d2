import { insideFolder } from '../../files/insideFolder.ts';
import { readPlainText } from '../../files/plainFile.ts';
import { replaceJson } from '../../files/writeFile.ts';
import { parseJson } from '../../protocol/decode.ts';
import type { ResolvedConfig } from '../../protocol/runConfig.ts';
import { expandSearch } from '../../protocol/searchPresets.ts';
import { narrowed } from '../baselines/structuredSubnet.ts';
import { LocalEvaluator } from '../evaluation/evaluator.ts';
import { MOST_JSON_BYTES } from '../runs/runLayout.ts';
import { initialSubnet } from '../search/baseline.ts';
import { evolve } from '../search/evolve.ts';
import { blockBudget } from '../model/cost.ts';
import { decodeSubnet, encodeSubnet } from '../subnet/encode.ts';
import type { Subnet } from '../model/subnet.ts';
import type { Comparison, Made, PlannedRow } from './comparison.ts';
import { METHODS_REVISION } from './comparisonKey.ts';
import { type Effort, measured, type Measured, sumOf } from './comparisonEffort.ts';
import { reformed } from './reformStage.ts';
import type { Scored } from './scoreStage.ts';
import { evolveOptionsOf, spaceOf } from './searchOptions.ts';

/** Memory for residual streams of recent candidates, bytes. */
const CACHE_BYTES = 128_000_000;

/** The last step gives the method its row; the others say what each step is worth. */
const STEPS = {
  initialised: 'paper, initialised',
  searched: 'paper, searched',
  reformed: 'paper',
} as const;
type Step = keyof typeof STEPS;

/**
 * The method of the paper at one ratio, in three rows: initialised, searched and reformed. Masks are
 * tied, scores those of its equation 1, the fitness is perplexity and the reform its ADMM towards
 * what each layer did; the search has the quick numbers.
 * @param at  the kept share and what its rows say of it
 * @param scored  the paper's unit scores of the dense model, made when the first row asks
 */
export function paperRows(
  comparison: Comparison,
  at: { readonly ratio: number; readonly pattern: string },
  scored: () => Promise<Measured<Scored>>,
): PlannedRow[] {
  const config = paperConfig(comparison.config, at.ratio);
  return Object.entries(STEPS).map(([step, method]) => ({
    name: { method, pattern: at.pattern, scope: 'structured' },
    make: () => make(comparison, config, step as Step, scored),
  }));
}

/** The published settings, but for the numbers of the search: they take thousands of evaluations. */
function paperConfig(config: ResolvedConfig, ratio: number): ResolvedConfig {
  const { search, reform } = config;
  const { windows, length } = search;
  const quick =
    search.preset === 'quick' ? search : { ...expandSearch({ preset: 'quick' }), windows, length };
  return {
    ...config,
    ratio,
    attention: 'tied',
    search: { ...quick, fitness: 'perplexity' },
    reform: { ...reform, method: 'admm', target: 'layer' },
  };
}

/** One step of the method; its effort is that of all steps up to it. */
async function make(
  comparison: Comparison,
  config: ResolvedConfig,
  step: Step,
  scored: () => Promise<Measured<Scored>>,
): Promise<Made> {
  const { bench } = comparison;
  const { weights, forward } = bench;
  const made = ({ value: subnet, effort }: Found): Made => {
    return { contender: narrowed(weights, subnet), effort };
  };
  if (step === 'initialised') return made(await initialised(comparison, config, scored));
  const found = await searched(comparison, config, scored);
  if (step === 'searched') return made(found);
  const { calibration } = comparison.work.tokens;
  const { signal } = comparison.work;
  const candidate = { dense: weights, weights, subnet: found.value };
  const { value: own, effort } = await measured(forward, () =>
    reformed(bench, candidate, calibration, { config, signal }),
  );
  const contender = narrowed(own.weights, found.value);
  return { contender, effort: sumOf([found.effort, effort]) };
}

/** A subnet, and what it took from nothing to it. */
type Found = Measured<Subnet>;

async function initialised(
  { bench }: Comparison,
  config: ResolvedConfig,
  scored: () => Promise<Measured<Scored>>,
): Promise<Found & { readonly scores: Scored }> {
  const { value: scores, effort: scoring } = await scored();
  const { shape } = bench.weights;
  const budget = blockBudget(shape, config.ratio);
  const { value, effort } = await measured(bench.forward, () =>
    Promise.resolve(initialSubnet({ shape, budget, masks: config.attention }, scores.scores)),
  );
  return { value, effort: sumOf([scoring, effort]), scores };
}

/** The searched subnet of a ratio; searched once, then read. */
async function searched(
  comparison: Comparison,
  config: ResolvedConfig,
  scored: () => Promise<Measured<Scored>>,
): Promise<Found> {
  const path = searchedPath(comparison, config);
  const kept = readSearched(comparison, path);
  if (kept !== undefined) return kept;
  const initial = await initialised(comparison, config, scored);
  const { value, effort: own } = await measured(comparison.bench.forward, () =>
    search(comparison, config, initial.scores, initial.value),
  );
  const effort = sumOf([initial.effort, own]);
  replaceJson(path, { subnet: encodeSubnet(value), ...effort });
  return { value, effort };
}

/** Undefined when there is none; a damaged one is searched again. */
function readSearched({ bench }: Comparison, path: string): Found | undefined {
  try {
    const text = readPlainText(path, { links: 'refused', mostBytes: MOST_JSON_BYTES });
    if (text === undefined) return undefined;
    const kept = parseJson(text, path) as Partial<Record<string, unknown>>;
    const { seconds, tokens } = kept;
    if (!Number.isFinite(seconds) || !Number.isFinite(tokens)) return undefined;
    const effort = { seconds, tokens } as Effort;
    return { value: decodeSubnet(bench.weights.shape, kept['subnet'], path), effort };
  } catch {
    return undefined;
  }
}

function searchedPath({ work }: Comparison, { ratio }: ResolvedConfig): string {
  return insideFolder(work.folder, `searched-${ratio}.paper.r${METHODS_REVISION.paper}.json`);
}

async function search(
  { bench, work }: Comparison,
  config: ResolvedConfig,
  { scores, influence }: Scored,
  initial: Subnet,
): Promise<Subnet> {
  const { forward, head, weights } = bench;
  const { tokens, signal } = work;
  const { shape } = weights;
  const { search: settings } = config;
  const evaluator = await LocalEvaluator.create({
    ...{ forward, head, weights, windows: tokens.search, signal },
    ...{ kind: settings.fitness, cacheBytes: CACHE_BYTES },
  });
  const tail = [...influence.keys()].reverse();
  const byInfluence = [...influence.keys()].sort((a, b) => influence[a]! - influence[b]! || a - b);
  const { best } = await evolve({
    problem: {
      ...{ shape, scores, space: spaceOf(config, shape.layers) },
      budget: blockBudget(shape, config.ratio),
      blockOrder: settings.blockOrder === 'tail' ? tail : byInfluence,
    },
    ...{ initial, seed: config.seed, options: evolveOptionsOf(settings), signal },
    fitness: async (subnet) => (await evaluator.loss(subnet, signal)).meanNats,
  }).finally(() => {
    evaluator.close();
  });
  return best;
}
