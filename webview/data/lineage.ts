import type { Candidate } from '../../src/dashboard/model/runModel.ts';

/** A subnet and what it was made from. */
export interface Ancestor {
  readonly candidate: Candidate;
  /** The parent the line goes on with; the fitter of two. */
  readonly parent: string | null;
  /** The other parent of a crossover. */
  readonly other: string | null;
}

/** Longer lines are cut off. */
const LONGEST = 200;

/**
 * The line of a subnet: itself first, then the fitter parent of each, down to an initial one or to
 * one the log does not know.
 */
export function lineageOf(
  key: string,
  find: (key: string) => Candidate | undefined,
): readonly Ancestor[] {
  const line: Ancestor[] = [];
  const met = new Set<string>();
  let next: string | null = key;
  while (next !== null && !met.has(next) && line.length < LONGEST) {
    met.add(next);
    const candidate = find(next);
    if (candidate === undefined) break;
    const parents = [...candidate.parents].sort((a, b) => fitnessOf(a) - fitnessOf(b));
    const [parent = null, other = null] = parents;
    line.push({ candidate, parent, other });
    next = parent;
  }
  return line;

  function fitnessOf(parent: string): number {
    return find(parent)?.fitness ?? Infinity;
  }
}
