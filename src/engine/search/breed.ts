import { rngFor, type Rng } from '../numeric/rng.ts';
import { crossover } from './crossover.ts';
import type { Genome } from './genome.ts';
import { mutate, type MutationRates } from './mutate.ts';
import type { EvolveOptions } from './options.ts';
import type { Origin } from './state.ts';
import type { Terrain } from './terrain.ts';

/** A genome and the key of its subnet. */
export interface Parent {
  readonly key: string;
  readonly genome: Genome;
}

/** A candidate that has been bred and not yet judged. */
export interface Child {
  readonly genome: Genome;
  readonly parents: readonly Parent[];
  readonly how: Origin;
}

/**
 * The children of a generation, in a fixed order, each bred when it is asked for.
 *
 * Each depends on nothing but the seed, the generation, its place and the survivors. This is the
 * one function that knows how candidates vary: another kind of evolution (switching levels between
 * sublayers) is another function of this form.
 * @param generation  0 breeds from the initial subnet alone, which is itself the first child
 * @param parents  survivors of the generation before, best first
 * @source METHODS section 1.1
 */
export function* breed(
  terrain: Terrain,
  seed: number,
  generation: number,
  parents: readonly Parent[],
  options: EvolveOptions,
): Generator<Child, void, undefined> {
  const streamOf = (child: number): Rng => rngFor(seed, 'breed', generation, child);
  const mutant = (child: number, rates: MutationRates, how: Origin): Child => {
    const rng = streamOf(child);
    const parent = parents[rng.int(parents.length)]!;
    const genome = mutate(terrain, parent.genome, rates, rng, options);
    return { genome, parents: [parent], how };
  };
  let child = 0;
  if (generation === 0) {
    // Deviation: the paper's first generation holds mutants only. Here the initial subnet competes
    // too, so that a search never ends worse than it began.
    yield { genome: parents[0]!.genome, parents: [], how: 'initial' };
    while (child < options.population) yield mutant(child++, options.initialRates, 'mutation');
    return;
  }
  const { mutations, crossovers, strongMutations } = options;
  while (child < mutations) yield mutant(child++, options.rates, 'mutation');
  while (child < mutations + crossovers) {
    yield crossed(terrain, parents, streamOf(child++), options.repairNoise);
  }
  while (child < mutations + crossovers + strongMutations) {
    yield mutant(child++, options.initialRates, 'strong');
  }
}

function crossed(
  terrain: Terrain,
  parents: readonly Parent[],
  rng: Rng,
  repairNoise: number,
): Child {
  const pair = [...rng.sample(parents.length, Math.min(2, parents.length))];
  const a = parents[pair[0]!]!;
  const b = parents[pair[1] ?? pair[0]!]!;
  const genome = crossover(terrain, a.genome, b.genome, rng, repairNoise);
  return { genome, parents: a === b ? [a] : [a, b], how: 'crossover' };
}
