import { existsSync } from 'node:fs';
import { insideFolder } from '../../files/insideFolder.ts';
import { readPlainText } from '../../files/plainFile.ts';
import { replaceJson } from '../../files/writeFile.ts';
import { parseJson } from '../../protocol/decode.ts';
import type { ResolvedConfig } from '../../protocol/runConfig.ts';
import type { Figure, Figures } from '../../protocol/runRecord.ts';
import { expandSearch } from '../../protocol/searchPresets.ts';
import { LocalEvaluator } from '../evaluation/evaluator.ts';
import { MOST_JSON_BYTES } from '../runs/runLayout.ts';
import { initialSubnet } from '../search/baseline.ts';
import { evolve } from '../search/evolve.ts';
import { blockBudget } from '../model/cost.ts';
import { decodeSubnet, encodeSubnet } from '../subnet/encode.ts';
import type { Subnet } from '../model/subnet.ts';
import type { Comparison, Known, Made, PlannedRow } from './comparison.ts';
import { METHODS_REVISION } from './comparisonKey.ts';
import type { Timed } from './comparisonTimes.ts';
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
 * @param at  the kept share and what its rows say of it
 * @param scored  unit scores of the dense model, made when the first row asks
 */
export function methodARows(
  comparison: Comparison,
  at: { readonly ratio: number; readonly pattern: string },
  scored: () => Promise<Timed<Scored>>,
): PlannedRow[] {
  const config: ResolvedConfig = { ...comparison.config, ratio: at.ratio };
  let looked: EarlierRun | null | undefined;
  const earlier = (): EarlierRun | null => {
    // What a search of this comparison has begun is not mixed with what another run found.
    if (existsSync(searchedPath(comparison, config))) return null;
    const { runsRoot, hashes } = comparison.work;
    looked ??= earlierRun(runsRoot, config, hashes);
    return looked;
  };
  return STEPS.map((step) => ({
    name: { method: `A ${step}`, pattern: at.pattern, scope: 'structured' },
    family: 'methodA',
    make: async (): Promise<Made | Known> => {
      const run = earlier();
      const figure = run === null ? null : figureOf(step, run.figures);
      if (run === null || figure === null || !comparison.comparesWith(figure)) {
        return make(comparison, config, step, scored);
      }
      const { perplexity, blockParams: params, lossNats } = figure;
      const known = { perplexity, params, seconds: secondsUpTo(step, run) };
      return lossNats === undefined ? known : { ...known, lossNats };
    },
  }));
}

/** A run whose reform was rejected ends with the searched subnet. */
function figureOf(step: Step, figures: Figures): Figure | null {
  return figures[step] ?? (step === 'reformed' ? figures.searched : null);
}

/** One step of method A; its time is that of all steps up to it. */
async function make(
  comparison: Comparison,
  config: ResolvedConfig,
  step: Step,
  scored: () => Promise<Timed<Scored>>,
): Promise<Made> {
  const { bench } = comparison;
  const { weights } = bench;
  const made = (subnet: Subnet, seconds: number, own = weights): Made => ({
    contender: { weights: own, subnet, extraParameters: 0 },
    seconds,
  });
  if (step === 'initialised') {
    const first = await initialised(comparison, config, scored);
    return made(first.subnet, first.seconds);
  }
  const found = await searched(comparison, config, scored);
  if (step === 'searched') return made(found.subnet, found.seconds);
  const { calibration } = comparison.work.tokens;
  const start = performance.now();
  const { signal } = comparison.work;
  const own = await reformed(bench, found.subnet, calibration, { config, signal });
  return made(found.subnet, found.seconds + (performance.now() - start) / 1000, own.weights);
}

/** A subnet, and the time from nothing to it. */
interface Found {
  readonly subnet: Subnet;
  readonly seconds: number;
}

async function initialised(
  { bench }: Comparison,
  config: ResolvedConfig,
  scored: () => Promise<Timed<Scored>>,
): Promise<Found & { readonly scores: Scored }> {
  const { value: scores, ms } = await scored();
  const { shape } = bench.weights;
  const start = performance.now();
  const budget = blockBudget(shape, config.ratio);
  const subnet = initialSubnet({ shape, budget, masks: config.attention }, scores.scores);
  return { subnet, seconds: (ms + performance.now() - start) / 1000, scores };
}

/** The searched subnet of a ratio; searched once, then read. */
async function searched(
  comparison: Comparison,
  config: ResolvedConfig,
  scored: () => Promise<Timed<Scored>>,
): Promise<Found> {
  const path = searchedPath(comparison, config);
  const kept = readSearched(comparison, path);
  if (kept !== undefined) return kept;
  const initial = await initialised(comparison, config, scored);
  const start = performance.now();
  const subnet = await search(comparison, config, initial.scores, initial.subnet);
  const seconds = initial.seconds + (performance.now() - start) / 1000;
  replaceJson(path, { subnet: encodeSubnet(subnet), seconds });
  return { subnet, seconds };
}

/** Undefined when there is none; a damaged one is searched again. */
function readSearched({ bench }: Comparison, path: string): Found | undefined {
  try {
    const text = readPlainText(path, { links: 'refused', mostBytes: MOST_JSON_BYTES });
    if (text === undefined) return undefined;
    const kept = parseJson(text, path) as Partial<Record<string, unknown>>;
    const { seconds } = kept;
    if (typeof seconds !== 'number' || !Number.isFinite(seconds)) return undefined;
    return { subnet: decodeSubnet(bench.weights.shape, kept['subnet'], path), seconds };
  } catch {
    return undefined;
  }
}

function searchedPath({ work }: Comparison, { ratio }: ResolvedConfig): string {
  return insideFolder(work.folder, `searched-${ratio}.r${METHODS_REVISION.methodA}.json`);
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
  }).finally(() => {
    evaluator.close();
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
