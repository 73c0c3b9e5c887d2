import { throwIfAborted } from '../../protocol/errors.ts';
import { firstChangedLayer, subnetKey } from '../subnet/key.ts';
import type { Subnet } from '../model/subnet.ts';
import type { Child } from './breed.ts';
import { subnetOf } from './genome.ts';
import type { Fitness, Origin } from './state.ts';
import type { Terrain } from './terrain.ts';

/** What an evaluator may reuse: the blocks before `firstChangedLayer` equal the parent's. */
export interface Lineage {
  /** Key of the nearest parent; null for the initial subnet. */
  readonly parentKey: string | null;
  /** A block index; 0 without a parent. */
  readonly firstChangedLayer: number;
}

/**
 * Judges a subnet; lower is better. A result that is not finite ranks below all others. It must
 * depend on the subnet alone, because results are remembered by subnet key.
 */
export type FitnessFunction = (
  subnet: Subnet,
  lineage: Lineage,
  signal: AbortSignal | undefined,
) => Promise<number>;

/** One evaluation that has just been made. */
export interface Evaluation {
  readonly key: string;
  readonly fitness: Fitness;
  readonly subnet: Subnet;
  readonly generation: number;
  /** Place among the generation's children, from 0. */
  readonly child: number;
  readonly how: Origin;
  /** Subnet keys. */
  readonly parents: readonly string[];
}

/** A child whose subnet and nearest parent have been worked out. */
export interface Candidate extends Child {
  readonly generation: number;
  /** Place among the generation's children, from 0. */
  readonly place: number;
  readonly key: string;
  readonly subnet: Subnet;
  readonly lineage: Lineage;
}

/** Works out subnet, key and lineage of a child. */
export function candidateOf(
  terrain: Terrain,
  child: Child,
  { generation, place }: Pick<Candidate, 'generation' | 'place'>,
): Candidate {
  const subnet = subnetOf(terrain, child.genome);
  let lineage: Lineage = { parentKey: null, firstChangedLayer: 0 };
  for (const parent of child.parents) {
    const changed = firstChangedLayer(subnet, subnetOf(terrain, parent.genome));
    if (lineage.parentKey === null || changed > lineage.firstChangedLayer) {
      lineage = { parentKey: parent.key, firstChangedLayer: changed };
    }
  }
  return { ...child, generation, place, subnet, key: subnetKey(subnet), lineage };
}

/** How candidates are judged. */
export interface JudgeOptions {
  readonly fitness: FitnessFunction;
  readonly signal: AbortSignal | undefined;
  /** Told of each evaluation before the next begins. */
  readonly onEvaluated?: (evaluation: Evaluation) => void | Promise<void>;
}

/**
 * The fitness of every candidate, each different subnet evaluated once.
 *
 * Candidates of one parent are judged one after another, so that a cache of the parent's hidden
 * states serves them all. Judging in stages of growing precision would replace this function.
 * @param known  results from earlier, not evaluated again; read only
 * @returns by key
 * @throws EngineError  `cancelled`, and whatever the fitness function throws
 */
export async function judge(
  candidates: readonly Candidate[],
  known: ReadonlyMap<string, Fitness>,
  options: JudgeOptions,
): Promise<Map<string, Fitness>> {
  const results = new Map<string, Fitness>();
  for (const { key, subnet, lineage, generation, place, how, parents } of byParent(candidates)) {
    if (results.has(key)) continue;
    const remembered = known.get(key);
    if (remembered !== undefined) {
      results.set(key, remembered);
      continue;
    }
    throwIfAborted(options.signal);
    const raw = await options.fitness(subnet, lineage, options.signal);
    const fitness = Number.isFinite(raw) ? raw : null;
    results.set(key, fitness);
    await options.onEvaluated?.({
      ...{ key, fitness, subnet, generation, child: place, how },
      parents: parents.map((parent) => parent.key),
    });
  }
  return results;
}

function byParent(candidates: readonly Candidate[]): Candidate[] {
  const families = new Map<string | null, Candidate[]>();
  for (const candidate of candidates) {
    const { parentKey } = candidate.lineage;
    const family = families.get(parentKey);
    if (family === undefined) families.set(parentKey, [candidate]);
    else family.push(candidate);
  }
  return [...families.values()].flat();
}
