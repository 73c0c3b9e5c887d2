import * as Type from 'typebox';
import { isEngineError, throwIfAborted } from '../../protocol/errors.ts';
import { unitLayout } from '../../protocol/unitLayout.ts';
import type { ModelShape } from '../model/modelShape.ts';
import { LocalEvaluator } from '../evaluation/evaluator.ts';
import { CandidateStore } from '../runs/candidateStore.ts';
import { evolve } from '../search/evolve.ts';
import { decodeState, type Fitness, type GenerationState } from '../search/state.ts';
import { tailFirst } from '../search/terrain.ts';
import { decodeSubnet, encodeSubnet } from '../subnet/encode.ts';
import { modelSummaryOf } from '../subnet/modelSummary.ts';
import { denseSubnet, type Subnet } from '../model/subnet.ts';
import { keptSubnet } from './keptSubnet.ts';
import { candidateRecorder } from './candidateRecorder.ts';
import { quantile } from './quantile.ts';
import type { Progress, RunContext } from './runContext.ts';
import type { Scored } from './scoreStage.ts';
import { candidatesOf, evolveOptionsOf, spaceOf } from './searchOptions.ts';
import type { Workbench } from './workbench.ts';

/** Memory for residual streams of recent candidates, bytes (see PrefixCache). */
export const PREFIX_CACHE_BYTES = 128_000_000;

/** What the search is given. */
export interface SearchInput {
  readonly scored: Scored;
  /** Importance-initialised subnet, on budget. */
  readonly initial: Subnet;
  /** Block parameters of every candidate. */
  readonly budget: number;
  readonly windows: readonly Uint32Array[];
}

/**
 * Evolves masks on the budget; returns the fittest subnet, or the initial one when the config has
 * the search switched off. Every evaluation is journalled and every generation saved, so a stopped
 * search goes on where it was. Asked to finish early, it gives up the running evaluation and returns
 * the fittest subnet so far.
 * @throws EngineError `config`, `budget`, `cancelled`, `disk`, `device`
 */
export function searchStage(
  run: RunContext,
  bench: Workbench,
  input: SearchInput,
): Promise<Subnet> {
  const { shape } = bench.weights;
  if (!run.config.search.enabled) return Promise.resolve(input.initial);
  return run.stage('search', {
    kept: Type.Object({}),
    restore: () => decodeSubnet(shape, run.folder.readMasks('searched'), 'masks/searched.json'),
    work: async (progress) => {
      const best = await searchUntilAsked(run, bench, input, progress);
      run.folder.writeMasks('searched', encodeSubnet(best));
      return {};
    },
  });
}

async function searchUntilAsked(
  run: RunContext,
  bench: Workbench,
  input: SearchInput,
  progress: Progress,
): Promise<Subnet> {
  const { shape } = bench.weights;
  if (!run.finish.signal.aborted) {
    const store = new CandidateStore(run.folder.path, unitLayout(modelSummaryOf(shape)));
    try {
      const best = await search(run, bench, input, { progress, store });
      if (!run.finish.signal.aborted) return best;
    } catch (error) {
      if (!isEngineError(error, 'cancelled') || !run.finish.signal.aborted) throw error;
      throwIfAborted(run.signal);
    } finally {
      store.close();
    }
  }
  const best = bestSoFar(run, shape);
  const found = best === null ? 'nothing was judged yet, so the initial subnet' : best.key;
  run.log('info', `The search was asked to finish early: ${found} goes on.`);
  return best?.subnet ?? input.initial;
}

/** The fittest subnet judged when the search was asked to finish; of equals the older. */
function bestSoFar(run: RunContext, shape: ModelShape): { key: string; subnet: Subnet } | null {
  const judged = [...run.folder.evaluations.all()].slice(0, run.finish.evaluations);
  judged.sort(([, a], [, b]) => a - b);
  for (const [key] of judged) {
    // Without masks only where the store was full.
    const subnet = keptSubnet(run.folder.path, shape, key);
    if (subnet !== undefined) return { key, subnet };
  }
  return null;
}

async function search(
  run: RunContext,
  bench: Workbench,
  { scored, initial, budget, windows }: SearchInput,
  { progress, store }: { readonly progress: Progress; readonly store: CandidateStore },
): Promise<Subnet> {
  const { forward, head, weights } = bench;
  const { shape } = weights;
  const settings = run.config.search;
  const options = evolveOptionsOf(settings);
  const kind = settings.fitness;
  const signal = AbortSignal.any([run.signal, run.finish.signal]);
  const record = candidateRecorder(run, shape, store);
  const evaluator = await LocalEvaluator.create({
    ...{ forward, head, weights, windows, kind },
    cacheBytes: PREFIX_CACHE_BYTES,
    signal,
  });
  const fitness = async (subnet: Subnet): Promise<number> => {
    const { meanNats } = await evaluator.loss(subnet, signal);
    return kind === 'perplexity' ? Math.exp(meanNats) : meanNats;
  };
  if (run.folder.evaluations.size === 0) {
    // The divergence of the dense model from itself need not be worked out.
    const dense = kind === 'kl' ? 0 : await fitness(denseSubnet(shape));
    if (Number.isFinite(dense)) run.tell({ kind: 'denseEvaluated', fitness: dense });
  }
  const total = candidatesOf(options);
  const saved = savedState(run);
  let judged = saved?.known.length ?? 0;
  let since = performance.now();
  const { best } = await evolve({
    problem: {
      shape,
      space: spaceOf(run.config, shape.layers),
      scores: scored.scores,
      budget,
      blockOrder: settings.blockOrder === 'tail' ? tailFirst(shape.layers) : byInfluence(scored),
    },
    initial,
    seed: run.config.seed,
    options,
    signal,
    ...(saved === undefined ? {} : { state: saved }),
    known: run.folder.evaluations.all(),
    fitness,
    onEvaluated: (evaluation) => {
      record(evaluation);
      progress(++judged, total);
    },
    onGeneration: (state) => {
      store.sync();
      run.folder.saveGeneration(state.generation, state);
      tellGeneration(run, state, performance.now() - since);
      since = performance.now();
    },
  }).finally(() => {
    evaluator.close();
  });
  return best;
}

/** Where the search was; undefined when it begins, or begins again because that cannot be read. */
function savedState(run: RunContext): ReturnType<typeof decodeState> | undefined {
  const saved = run.folder.latestGeneration();
  if (saved === undefined) return undefined;
  try {
    return decodeState(saved.state);
  } catch (error) {
    if (!isEngineError(error, 'decode')) throw error;
    run.log('warning', 'The saved state of the search is damaged: the search starts again.');
    return undefined;
  }
}

/** Blocks by influence, the least influential first. */
function byInfluence({ influence }: Scored): number[] {
  return [...influence.keys()].sort((a, b) => influence[a]! - influence[b]! || a - b);
}

function tellGeneration(run: RunContext, state: GenerationState, ms: number): void {
  const finite = (values: readonly { fitness: Fitness }[]): number[] =>
    values.flatMap(({ fitness }) => (fitness === null ? [] : [fitness])).sort((a, b) => a - b);
  const fitness = finite(state.evaluated);
  const best = finite(state.survivors)[0];
  if (best === undefined || fitness.length === 0) {
    run.log('warning', `Generation ${state.generation}: no candidate has a finite fitness.`);
    return;
  }
  run.tell({
    kind: 'generationFinished',
    generation: state.generation,
    best,
    median: quantile(fitness, 0.5),
    quartiles: [quantile(fitness, 0.25), quantile(fitness, 0.75)],
    survivors: state.survivors.map(({ key }) => key),
    ms,
  });
}
