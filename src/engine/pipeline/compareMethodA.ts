import { existsSync, readFileSync } from 'node:fs';
import type { ResolvedConfig } from '../../protocol/runConfig.ts';
import { expandSearch } from '../../protocol/searchPresets.ts';
import { LocalEvaluator } from '../evaluation/evaluator.ts';
import { writeJsonAtomic } from '../runs/atomicWrite.ts';
import { initialSubnet } from '../search/baseline.ts';
import { evolve } from '../search/evolve.ts';
import { blockBudget, countParameters, denseSubnet } from '../subnet/count.ts';
import { decodeSubnet, encodeSubnet } from '../subnet/encode.ts';
import type { Subnet } from '../subnet/subnet.ts';
import type { Comparison, Made, RowName } from './comparison.ts';
import { type EarlierRun, earlierRun } from './earlierRun.ts';
import { reformed } from './reformStage.ts';
import type { Scored } from './scoreStage.ts';
import { evolveOptionsOf, spaceOf } from './searchOptions.ts';

/** Memory for residual streams of recent candidates, bytes. */
const CACHE_BYTES = 128_000_000;

const STEPS = ['initialised', 'searched', 'reformed'] as const;
type Step = (typeof STEPS)[number];

/**
 * Method A at one ratio, in three rows: initialised, searched and reformed. They come from a
 * finished run of the same settings beside the config where there is one, else from a quick search.
 * @param nameOf  the row of a step
 */
export async function compareMethodA(
  comparison: Comparison,
  ratio: number,
  nameOf: (step: string) => RowName,
  scored: () => Promise<Scored>,
): Promise<void> {
  const rows = STEPS.map((step) => ({ step, name: nameOf(`A ${step}`) }));
  const config: ResolvedConfig = { ...comparison.config, ratio };
  const known = rows.every(({ name }) => comparison.has(name));
  const earlier = known ? null : earlierRun(comparison.runsRoot, config, comparison.hashes);
  for (const { step, name } of rows) {
    const figure = earlier?.figures[step] ?? null;
    if (earlier === null || figure === null || comparison.has(name)) {
      await comparison.row(name, () => make(comparison, config, step, scored));
      continue;
    }
    const { shape } = comparison.bench.weights;
    const { denseBlock } = countParameters(shape, denseSubnet(shape));
    const { perplexity, blockParams: params } = figure;
    const seconds = secondsUpTo(step, earlier);
    comparison.keep({ ...name, params, nonzeroFraction: params / denseBlock, perplexity, seconds });
  }
}

async function make(
  comparison: Comparison,
  config: ResolvedConfig,
  step: Step,
  scored: () => Promise<Scored>,
): Promise<Made> {
  const { bench, tokens, signal } = comparison;
  const { weights } = bench;
  const start = performance.now();
  const problem = { shape: weights.shape, budget: blockBudget(weights.shape, config.ratio) };
  const { scores, influence } = await scored();
  const initial = initialSubnet({ ...problem, masks: config.attention }, scores);
  const made = (subnet: Subnet, before: number, own = weights): Made => ({
    contender: { weights: own, subnet, extraParameters: 0 },
    seconds: before + (performance.now() - start) / 1000,
  });
  if (step === 'initialised') return made(initial, 0);
  const found = await searched(comparison, config, { scores, influence }, initial);
  if (step === 'searched') return made(found.subnet, found.earlierSeconds);
  const { calibration } = tokens;
  const own = await reformed(bench, found.subnet, calibration, { settings: config.reform, signal });
  return made(found.subnet, found.earlierSeconds, own);
}

/** What a search left in the folder of the comparison. */
interface SearchedFile {
  readonly subnet: unknown;
  readonly seconds: number;
}

/** The searched subnet of a ratio; searched once, then read. */
async function searched(
  comparison: Comparison,
  config: ResolvedConfig,
  scored: Scored,
  initial: Subnet,
): Promise<{ subnet: Subnet; earlierSeconds: number }> {
  const { shape } = comparison.bench.weights;
  const path = comparison.file(`searched-${config.ratio}.json`);
  if (existsSync(path)) {
    const kept = JSON.parse(readFileSync(path, 'utf8')) as SearchedFile;
    return { subnet: decodeSubnet(shape, kept.subnet, path), earlierSeconds: kept.seconds };
  }
  const start = performance.now();
  const subnet = await search(comparison, config, scored, initial);
  const seconds = (performance.now() - start) / 1000;
  writeJsonAtomic(path, { subnet: encodeSubnet(subnet), seconds } satisfies SearchedFile);
  return { subnet, earlierSeconds: 0 };
}

async function search(
  { bench, tokens, signal }: Comparison,
  config: ResolvedConfig,
  { scores, influence }: Scored,
  initial: Subnet,
): Promise<Subnet> {
  const { forward, head, weights } = bench;
  const { shape } = weights;
  const { windows, length } = config.search;
  // The published numbers take thousands of evaluations per ratio: a comparison takes the quick ones.
  const settings =
    config.search.preset === 'quick'
      ? config.search
      : { ...expandSearch({ preset: 'quick' }), windows, length };
  const evaluator = await LocalEvaluator.create({
    ...{ forward, head, weights, windows: tokens.search, signal },
    ...{ kind: settings.fitness, cacheBytes: CACHE_BYTES },
  });
  const tail = [...influence.keys()].reverse();
  const byInfluence = [...influence.keys()].sort((a, b) => influence[a]! - influence[b]! || a - b);
  const { best } = await evolve({
    problem: {
      ...{ shape, scores, space: spaceOf({ ...config, search: settings }, shape.layers) },
      budget: blockBudget(shape, config.ratio),
      blockOrder: settings.blockOrder === 'tail' ? tail : byInfluence,
    },
    ...{ initial, seed: config.seed, options: evolveOptionsOf(settings), signal },
    fitness: async (subnet) => (await evaluator.loss(subnet, signal)).meanNats,
  });
  return best;
}

/** Time of a run's stages up to the one that made a step. */
function secondsUpTo(step: Step, { stageMs }: EarlierRun): number {
  const stages = { initialised: 1, searched: 2, reformed: 3 }[step];
  const ms = (['calibrate', 'search', 'reform'] as const)
    .slice(0, stages)
    .reduce((sum, stage) => sum + (stageMs[stage] ?? 0), 0);
  return ms / 1000;
}
