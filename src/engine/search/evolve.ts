import { throwIfAborted } from '../../protocol/errors.ts';
import { subnetKey } from '../subnet/key.ts';
import { assertLegal, assertOnBudget } from '../subnet/legal.ts';
import type { Subnet } from '../model/subnet.ts';
import { breed, type Parent } from './breed.ts';
import { genomeOf, subnetOf } from './genome.ts';
import { advance, generationsWithoutGain, historyOf, stateOf, type History } from './history.ts';
import { candidateOf, judge, type Candidate, type JudgeOptions } from './judge.ts';
import { assertOptions, type EvolveOptions } from './options.ts';
import type { Fitness, GenerationState } from './state.ts';
import { terrainOf, type SearchProblem, type Terrain } from './terrain.ts';

/** What {@link evolve} needs. */
export interface EvolveRequest extends JudgeOptions {
  readonly problem: SearchProblem;
  /** The subnet the first generation is bred from, on budget. */
  readonly initial: Subnet;
  /** Any safe integer; the same seed gives the same run. */
  readonly seed: number;
  readonly options: EvolveOptions;
  /** Where to continue from; absent = from the start. */
  readonly state?: GenerationState;
  /** Results of evaluations made after `state`, e.g. from a journal; NaN = not finite. */
  readonly known?: ReadonlyMap<string, number>;
  /** Told of each generation before the next begins. */
  readonly onGeneration?: (state: GenerationState) => void | Promise<void>;
}

/** Why a search ended. */
export type StopReason = 'generations' | 'patience' | 'evaluations';

/** How a search ended. */
export interface EvolveResult {
  readonly state: GenerationState;
  /** The fittest subnet of the whole search. */
  readonly best: Subnet;
  readonly stopped: StopReason;
}

/**
 * Searches for the fittest subnet on a budget: generation 0 from the initial subnet, then
 * mutations, crossovers and strong mutations of the survivors, keeping the best of parents and
 * children.
 *
 * Killed at any point and called again with its last state and the results since then as `known`,
 * it goes on to the same end.
 * @throws EngineError  `config`, `shape`, `numeric` or `budget` for an impossible problem; `decode`
 *   or `run` for a state that does not fit it; `cancelled`; whatever the fitness function throws
 * @source METHODS section 1.1
 */
export async function evolve(request: EvolveRequest): Promise<EvolveResult> {
  const { problem, options, seed, state } = request;
  assertOptions(options);
  const terrain = terrainOf(problem);
  const remembered = rememberedFrom(request);
  let history = state === undefined ? null : historyOf(terrain, seed, state);
  let parents = history === null ? [initialParent(terrain, request.initial)] : history.living;
  for (;;) {
    const stopped = history === null ? null : stopReason(history, options);
    if (history !== null && stopped !== null) {
      const best = subnetOf(terrain, history.living[0]!.genome);
      return { state: stateOf(terrain, seed, history), best, stopped };
    }
    const candidates = await candidatesOf(terrain, history, parents, request);
    const results = await judge(candidates, remembered, request);
    for (const [key, fitness] of results) remembered.set(key, fitness);
    history = advance(history, candidates, results, options.survivors);
    parents = history.living;
    await request.onGeneration?.(stateOf(terrain, seed, history));
  }
}

function initialParent(terrain: Terrain, initial: Subnet): Parent {
  assertLegal(terrain.shape, initial);
  assertOnBudget(terrain.shape, initial, terrain.budget, terrain.space.masks);
  return { key: subnetKey(initial), genome: genomeOf(terrain, initial) };
}

/** Every fitness that need not be worked out again. */
function rememberedFrom({ state, known }: EvolveRequest): Map<string, Fitness> {
  const remembered = new Map<string, Fitness>();
  for (const [key, raw] of known ?? []) remembered.set(key, Number.isFinite(raw) ? raw : null);
  for (const [key, fitness] of state?.known ?? []) remembered.set(key, fitness);
  return remembered;
}

function stopReason(history: History, options: EvolveOptions): StopReason | null {
  const { generations, patience, maxEvaluations } = options;
  if (history.generation >= generations) return 'generations';
  if (maxEvaluations !== null && history.known.size >= maxEvaluations) return 'evaluations';
  if (patience !== null && generationsWithoutGain(history) >= patience) return 'patience';
  return null;
}

/** The next generation's candidates, as many as the limit on evaluations affords. */
async function candidatesOf(
  terrain: Terrain,
  history: History | null,
  parents: readonly Parent[],
  { seed, options, signal }: EvolveRequest,
): Promise<Candidate[]> {
  const generation = history === null ? 0 : history.generation + 1;
  const met = new Set(history?.known.keys());
  const affordable: Candidate[] = [];
  let place = 0;
  for (const child of breed(terrain, seed, generation, parents, options)) {
    // Breeding a large model's generation takes seconds; a request to stop must get through.
    await new Promise((resolve) => setImmediate(resolve));
    throwIfAborted(signal);
    const candidate = candidateOf(terrain, child, { generation, place: place++ });
    if (!met.has(candidate.key) && met.size === options.maxEvaluations) continue;
    met.add(candidate.key);
    affordable.push(candidate);
  }
  return affordable;
}
