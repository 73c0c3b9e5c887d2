import { throwIfAborted } from '../../protocol/errors.ts';
import { type Rng, rngFor } from '../numeric/rng.ts';
import type { Pattern } from './pattern.ts';

/** Patterns of equal steps between which blocks may switch, from the densest to the sparsest. */
export interface MixLevels {
  /** Null is dense. */
  readonly patterns: readonly (Pattern | null)[];
  /** The level of the pattern that all blocks begin with. */
  readonly start: number;
}

/** Steps into which an unstructured share is cut. */
const SHARE_STEPS = 16;

/**
 * The levels around a pattern. N:M switches between 1:M, 2:M … and dense in steps of 1/M; a share of
 * zeros in steps of 1/16. As all steps are equal, one block up and one block down keep the budget to
 * the last weight.
 */
export function mixLevels(pattern: Pattern): MixLevels {
  if (pattern.kind === 'nm') {
    const { n, m } = pattern;
    const patterns = Array.from({ length: m }, (_, i): Pattern | null =>
      i === 0 ? null : { kind: 'nm', n: m - i, m },
    );
    return { patterns, start: m - n };
  }
  const step = 1 / SHARE_STEPS;
  // Levels stand at whole steps from the asked share, so that the asked one is among them.
  const start = Math.floor(pattern.fraction / step + 1e-9);
  const lowest = pattern.fraction - start * step;
  const patterns: (Pattern | null)[] = [];
  for (let fraction = lowest; fraction < 1 - 1e-9; fraction += step) {
    patterns.push(fraction < 1e-9 ? null : { kind: 'unstructured', fraction });
  }
  return { patterns, start };
}

/** How long a mix is searched. */
export interface MixOptions {
  readonly generations: number;
  /** Children of a generation. */
  readonly children: number;
  readonly seed: number;
  readonly signal?: AbortSignal;
  readonly onGeneration?: (generation: number, best: number) => void;
}

/** A level for every block. */
export interface Mix {
  /** [L] */
  readonly levels: readonly number[];
  readonly fitness: number;
  /** Fitness of the mix in which all blocks have the same level. */
  readonly uniform: number;
  readonly evaluations: number;
}

/**
 * The best mix of levels that a search by level switches finds: one parent, each child a copy in
 * which one to three times a block goes a level up and another one down; the best of both becomes
 * the next parent. Never worse than the uniform mix it begins with.
 *
 * Blocks cost the same, so every candidate keeps exactly as many weights as the uniform mix.
 * @param layers  L, at least 2
 * @param fitness  of a level per block; smaller is better
 * @throws EngineError `cancelled`, whatever the fitness throws
 * @source Sieberling et al. 2025 (EvoPress, arXiv 2410.14649); METHODS sections 3.4(4) and 4.9
 */
export async function searchMix(
  layers: number,
  { patterns, start }: MixLevels,
  fitness: (levels: readonly number[]) => Promise<number>,
  options: MixOptions,
): Promise<Mix> {
  const known = new Map<string, number>();
  const judge = async (levels: readonly number[]): Promise<number> => {
    throwIfAborted(options.signal);
    const key = levels.join();
    const found = known.get(key) ?? (await fitness(levels));
    known.set(key, found);
    return found;
  };
  let best: readonly number[] = new Array<number>(layers).fill(start);
  const uniform = await judge(best);
  let bestFitness = uniform;
  for (let generation = 0; generation < options.generations; generation++) {
    const parent = best;
    for (let c = 0; c < options.children; c++) {
      const rng = rngFor(options.seed, 'pattern mix', generation, c);
      const child = switched(parent, patterns.length, rng);
      const found = await judge(child);
      if (found < bestFitness) [best, bestFitness] = [child, found];
    }
    options.onGeneration?.(generation, bestFitness);
  }
  return { levels: best, fitness: bestFitness, uniform, evaluations: known.size };
}

/** A copy with one to three switches; the smaller of two draws, so mostly one. */
function switched(parent: readonly number[], levels: number, rng: Rng): number[] {
  const child = [...parent];
  const switches = Math.min(1 + rng.int(3), 1 + rng.int(3));
  for (let i = 0; i < switches; i++) {
    const denser = pick(child, (level) => level > 0, rng);
    if (denser !== null) child[denser]!--;
    const sparser = pick(child, (level, at) => level < levels - 1 && at !== denser, rng);
    if (sparser !== null && denser !== null) child[sparser]!++;
    else if (denser !== null) child[denser]!++;
  }
  return child;
}

function pick(
  levels: readonly number[],
  allowed: (level: number, at: number) => boolean,
  rng: Rng,
): number | null {
  const places = [...levels.keys()].filter((at) => allowed(levels[at]!, at));
  return places.length === 0 ? null : places[rng.int(places.length)]!;
}
