/**
 * Candidates that a model holds at most, so that neither a message to a page nor a drawing grows with
 * the log. The published search judges 5,100.
 */
export const MOST_CANDIDATES = 8192;

/** Generations that are held at most. */
export const MOST_GENERATIONS = 4096;

/** Reports of subnets that are held at most, the newest. */
const MOST_REPORTS = 200;

/**
 * About half of too many candidates: the fittest quarter of {@link MOST_CANDIDATES}, and as many of the
 * others, evenly over the whole search. The first and the newest stay.
 * @param candidates  in the order judged, `place` counts that from 1
 * @returns at most half of {@link MOST_CANDIDATES} and the newest, in the same order
 */
export function thinCandidates<C extends { readonly place: number; readonly fitness: number }>(
  candidates: readonly C[],
): C[] {
  const quarter = MOST_CANDIDATES / 4;
  const sorted = Float64Array.from(candidates, ({ fitness }) => fitness).sort();
  const worst = sorted[quarter - 1] ?? Infinity;
  // Of many that are equally fit, the earlier ones.
  let ties = quarter - sorted.subarray(0, quarter).findIndex((fitness) => fitness === worst);
  const judged = candidates.at(-1)?.place ?? 0;
  const step = stepFor(judged / quarter);
  return candidates.filter(({ place, fitness }) => {
    if (fitness < worst || (fitness === worst && ties-- > 0)) return true;
    return (place - 1) % step === 0 || place === judged;
  });
}

/**
 * Adds a generation in order, in the place of the one with its number: a resumed run tells of it again.
 * Of more than {@link MOST_GENERATIONS}, evenly spaced ones stay, and the last.
 * @param generations  changed in place
 */
export function putGeneration<G extends { readonly generation: number }>(
  generations: G[],
  one: G,
): void {
  let at = generations.length;
  while (at > 0 && generations[at - 1]!.generation >= one.generation) at--;
  generations.splice(at, generations[at]?.generation === one.generation ? 1 : 0, one);
  if (generations.length <= MOST_GENERATIONS) return;
  const half = MOST_GENERATIONS / 2;
  const last = generations.at(-1)!;
  const step = stepFor(last.generation / half);
  const kept = generations.filter((each) => each === last || each.generation % step === 0);
  generations.splice(0, generations.length, ...kept.slice(-half - 2));
}

/** Reports by subnet key; of too many, the last. */
export function newestReports<R>(reports: Record<string, R>): Record<string, R> {
  const entries = Object.entries(reports);
  if (entries.length <= MOST_REPORTS) return reports;
  return Object.fromEntries(entries.slice(-MOST_REPORTS));
}

/** The smallest power of two that is not below a number: what it keeps, a smaller one kept too. */
function stepFor(least: number): number {
  return 2 ** Math.max(0, Math.ceil(Math.log2(least)));
}
