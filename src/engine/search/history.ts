import { EngineError } from '../../protocol/errors.ts';
import { subnetKey } from '../subnet/key.ts';
import { assertOnBudget } from '../subnet/legal.ts';
import { decodeGenome, encodeGenome, subnetOf, type Genome } from './genome.ts';
import type { Candidate } from './judge.ts';
import {
  decodeState,
  type Ancestry,
  type BestPoint,
  type Fitness,
  type GenerationState,
  type Judgement,
} from './state.ts';
import type { Terrain } from './terrain.ts';

/** A survivor with its genome ready to breed from. */
export interface Living extends Ancestry {
  readonly genome: Genome;
}

/** A search after a generation, in memory; {@link stateOf} is its twin on disk. */
export interface History {
  readonly generation: number;
  /** Best first, at least one. */
  readonly living: readonly Living[];
  readonly evaluated: readonly Judgement[];
  /** Every subnet judged so far, in the order first met. */
  readonly known: ReadonlyMap<string, Fitness>;
  readonly bestHistory: readonly BestPoint[];
}

/**
 * The history after one more generation. Of parents and children together the fittest live on;
 * equal subnets count once, and of equally fit ones the older goes first.
 * @param before  null for generation 0
 * @param candidates  the generation's children in the order bred
 * @param results  fitness of every candidate, by key
 */
export function advance(
  before: History | null,
  candidates: readonly Candidate[],
  results: ReadonlyMap<string, Fitness>,
  survivors: number,
): History {
  const generation = before === null ? 0 : before.generation + 1;
  const known = new Map(before?.known);
  const evaluated: Judgement[] = [];
  const contenders = new Map((before?.living ?? []).map((living) => [living.key, living]));
  for (const { key, parents, how, genome } of candidates) {
    const fitness = results.get(key) ?? null;
    const parentKeys = parents.map((parent) => parent.key);
    const ancestry: Ancestry = { key, fitness, parents: parentKeys, born: generation, how };
    evaluated.push({ ...ancestry, repeated: known.has(key) });
    known.set(key, fitness);
    if (!contenders.has(key)) contenders.set(key, { ...ancestry, genome });
  }
  const ranked = [...contenders.values()].sort((a, b) => compareFitness(a.fitness, b.fitness));
  const living = ranked.slice(0, survivors);
  const best: BestPoint = {
    generation,
    fitness: living[0]!.fitness,
    evaluations: known.size,
  };
  return {
    generation,
    living,
    evaluated,
    known,
    bestHistory: [...(before?.bestHistory ?? []), best],
  };
}

/** Generations since the best last became better. */
export function generationsWithoutGain(history: History): number {
  const { bestHistory } = history;
  const best = bestHistory.at(-1)!.fitness;
  return bestHistory.length - 1 - bestHistory.findIndex((point) => point.fitness === best);
}

/** A history as plain JSON. */
export function stateOf(terrain: Terrain, seed: number, history: History): GenerationState {
  return {
    seed,
    generation: history.generation,
    survivors: history.living.map(({ genome, ...ancestry }) => ({
      ...ancestry,
      genome: encodeGenome(terrain, genome),
    })),
    evaluated: history.evaluated,
    known: [...history.known],
    bestHistory: history.bestHistory,
  };
}

/**
 * The history a state describes, checked to belong to this problem.
 * @throws EngineError  `decode` or `shape` for a damaged state, `run` for one of another search
 */
export function historyOf(terrain: Terrain, seed: number, state: GenerationState): History {
  const { generation, survivors, evaluated, known, bestHistory } = decodeState(state);
  if (state.seed !== seed) {
    const sentence = `The stored search has the seed ${state.seed}, not ${seed}.`;
    throw foreign(`seed ${seed}`, `seed ${state.seed}`, sentence);
  }
  const living = survivors.map(({ genome: encoded, ...ancestry }, i): Living => {
    const genome = decodeGenome(terrain, encoded, `state.survivors[${i}].genome`);
    const subnet = subnetOf(terrain, genome);
    const key = subnetKey(subnet);
    if (key !== ancestry.key) {
      const sentence = `The stored search is damaged or belongs to another model: its masks of subnet ${ancestry.key} are those of ${key}.`;
      throw foreign(`subnet ${ancestry.key}`, `masks of ${key}`, sentence);
    }
    // The initial subnet included: evolve accepts none that is off budget.
    assertOnBudget(terrain.shape, subnet, terrain.budget, terrain.space.masks);
    return { ...ancestry, genome };
  });
  return { generation, living, evaluated, known: new Map(known), bestHistory };
}

function compareFitness(a: Fitness, b: Fitness): number {
  if (a === b) return 0;
  return (a ?? Infinity) - (b ?? Infinity);
}

function foreign(expected: string, found: string, sentence: string): EngineError {
  return new EngineError('run', {
    what: 'Search state',
    ...{ expected, found, sentence },
    action: 'Resume with the configuration the run was started with.',
  });
}
