import * as Type from 'typebox';
import { acceptsValue } from '../../protocol/acceptsValue.ts';
import { decodeValue } from '../../protocol/decode.ts';
import { isEngineError, throwIfAborted } from '../../protocol/errors.ts';
import { unitLayout } from '../../protocol/unitLayout.ts';
import { LevelEvaluator } from '../levels/levelEvaluator.ts';
import type { LevelModel, Levels } from '../levels/levelModel.ts';
import {
  type JudgedChild,
  type RaceStage,
  searchLevels,
  type SwitchGeneration,
  type SwitchState,
} from '../levels/searchLevels.ts';
import type { BudgetRange } from '../levels/switches.ts';
import { meanOf } from '../numeric/mean.ts';
import { CandidateStore } from '../runs/candidateStore.ts';
import { subnetKey } from '../subnet/key.ts';
import { modelSummaryOf } from '../subnet/modelSummary.ts';
import { candidateRecorder } from './candidateRecorder.ts';
import type { Progress, RunContext } from './runContext.ts';
import { quantile } from './quantile.ts';
import type { Workbench } from './workbench.ts';

/** What the search of levels is given. */
export interface LevelSearchInput {
  readonly model: LevelModel;
  /** On the budget. */
  readonly start: Levels;
  readonly budget: BudgetRange;
  readonly windows: readonly Uint32Array[];
}

/**
 * Shares of the windows that children of a race are judged on, and how many go on; the last one is judged
 * on all.
 */
const RACE: readonly { readonly share: number; readonly survivors: number }[] = [
  { share: 1 / 10, survivors: 3 },
  { share: 1 / 4, survivors: 1 },
];

/** The stages of a race over so many windows, but the last. */
export function raceOf(windows: number): RaceStage[] {
  return RACE.map(({ share, survivors }) => ({
    windows: Math.max(1, Math.round(share * windows)),
    survivors,
  }));
}

/**
 * Searches levels by switches. Every child is told when it leaves its race and every generation is
 * saved, so a stopped search goes on where it was. Asked to finish early, it gives up the running
 * generation and returns the levels of the last whole one.
 * @throws EngineError `cancelled`, `disk`, `device`
 */
export async function searchLevelsOfRun(
  run: RunContext,
  bench: Workbench,
  input: LevelSearchInput,
  progress: Progress,
): Promise<Levels> {
  const { model, budget } = input;
  const { shape } = model.weights;
  const signal = AbortSignal.any([run.signal, run.finish.signal]);
  const store = new CandidateStore(run.folder.path, unitLayout(modelSummaryOf(shape)));
  let state = savedState(run, model, input.windows.length);
  try {
    const evaluator = await LevelEvaluator.create({
      ...{ forward: bench.forward, head: bench.head, model, windows: input.windows, signal },
      kind: run.config.search.fitness,
    });
    const record = new SearchRecord(run, model, store);
    state ??= await startState(run, input, evaluator, record);
    const options = {
      generations: run.config.search.generations,
      children: run.config.search.population,
      stages: raceOf(input.windows.length),
    };
    const total = options.generations * options.children;
    let since = performance.now();
    await searchLevels({
      ...{ model, evaluator, budget, start: state, options, signal },
      seed: run.config.seed,
      onJudged: (judged, parent, generation) => {
        record.judged(judged, parent, generation);
        progress(options.children * (generation - 1) + judged.child + 1, total);
      },
      onGeneration: (generation) => {
        store.sync();
        state = generation.state;
        run.folder.saveGeneration(state.generation, encodeState(state));
        record.finished(generation, performance.now() - since);
        since = performance.now();
        progress(options.children * state.generation, total);
      },
    });
  } catch (error) {
    if (!isEngineError(error, 'cancelled') || !run.finish.signal.aborted) throw error;
    throwIfAborted(run.signal);
    run.log('info', `The search was asked to finish early, after ${generations(state)}.`);
  } finally {
    store.close();
  }
  return state?.levels ?? input.start;
}

function generations(state: SwitchState | undefined): string {
  const count = state?.generation ?? 0;
  return count === 1 ? '1 generation' : `${count} generations`;
}

/** Judges the dense model and the start on all windows. */
async function startState(
  run: RunContext,
  { model, start }: LevelSearchInput,
  evaluator: LevelEvaluator,
  record: SearchRecord,
): Promise<SwitchState> {
  // The divergence of the dense model from itself need not be worked out.
  const dense =
    run.config.search.fitness === 'kl'
      ? 0
      : meanOf(await evaluator.losses(model.dense(), undefined, run.signal));
  run.tell({ kind: 'denseEvaluated', fitness: record.fitnessOf(dense) });
  const losses = await evaluator.losses(start, undefined, run.signal);
  record.started(start, meanOf(losses));
  return { generation: 0, levels: start, losses };
}

/** Tells what a search finds, in the words of every run. */
class SearchRecord {
  readonly #run: RunContext;
  readonly #model: LevelModel;
  readonly #record: ReturnType<typeof candidateRecorder>;

  constructor(run: RunContext, model: LevelModel, store: CandidateStore) {
    this.#run = run;
    this.#model = model;
    this.#record = candidateRecorder(run, model.weights.shape, store);
  }

  /** A loss in the measure of the config. */
  fitnessOf(nats: number): number {
    return this.#run.config.search.fitness === 'perplexity' ? Math.exp(nats) : nats;
  }

  started(levels: Levels, loss: number): void {
    this.#tell(levels, loss, { generation: 0, child: 0, how: 'initial', parents: [] });
  }

  judged({ levels, child, loss }: JudgedChild, parent: Levels, generation: number): void {
    const parents = [subnetKey(this.#model.subnet(parent))];
    this.#tell(levels, loss, { generation, child, how: 'switch', parents });
  }

  finished({ state, children }: SwitchGeneration, ms: number): void {
    const { generation, levels, losses } = state;
    const best = this.fitnessOf(meanOf(losses));
    const all = children.map(({ loss }) => this.fitnessOf(loss)).sort((a, b) => a - b);
    const spread = all.length === 0 ? [best] : all;
    this.#run.tell({
      kind: 'generationFinished',
      ...{ generation, best, median: quantile(spread, 0.5), ms },
      quartiles: [quantile(spread, 0.25), quantile(spread, 0.75)],
      survivors: [subnetKey(this.#model.subnet(levels))],
    });
  }

  #tell(
    levels: Levels,
    loss: number,
    born: {
      readonly generation: number;
      readonly child: number;
      readonly how: 'initial' | 'switch';
      readonly parents: string[];
    },
  ): void {
    const { evaluations } = this.#run.folder;
    const subnet = this.#model.subnet(levels);
    const key = subnetKey(subnet);
    const fitness = this.fitnessOf(loss);
    // Judged again, on other windows or because the run was stopped: what was told first stays.
    if (!Number.isFinite(fitness) || evaluations.get(key) !== undefined) return;
    this.#record({ key, fitness, subnet, ...born });
  }
}

const stateSchema = Type.Object({
  method: Type.Literal('levels'),
  generation: Type.Integer({ minimum: 0 }),
  levels: Type.Array(Type.Integer({ minimum: 0, maximum: 65_535 })),
  losses: Type.Array(Type.Number()),
});

/** True for the state of a search of levels, which the paper's search cannot read. */
export function isLevelState(state: unknown): boolean {
  return acceptsValue(stateSchema, state);
}

/** A state as a file keeps it. */
export function encodeState({ generation, levels, losses }: SwitchState): unknown {
  return { method: 'levels', generation, levels: [...levels], losses: [...losses] };
}

/**
 * A state that a file kept.
 * @param windows  of the search
 * @returns  null for one of another model or of other windows
 * @throws EngineError `decode` for what is no state
 */
export function decodeState(
  value: unknown,
  model: LevelModel,
  windows: number,
): SwitchState | null {
  const state = decodeValue(stateSchema, value, 'the state of the search');
  const levels = Uint16Array.from(state.levels);
  if (!model.accepts(levels) || state.losses.length !== windows) return null;
  return { generation: state.generation, levels, losses: Float64Array.from(state.losses) };
}

/** Where the search was; undefined when it begins, or begins again because that cannot be read. */
function savedState(run: RunContext, model: LevelModel, windows: number): SwitchState | undefined {
  const saved = run.folder.latestGeneration();
  if (saved === undefined) return undefined;
  try {
    const state = decodeState(saved.state, model, windows);
    if (state !== null) return state;
  } catch (error) {
    if (!isEngineError(error, 'decode')) throw error;
  }
  run.log('warning', 'The saved state of the search is damaged: the search starts again.');
  return undefined;
}
