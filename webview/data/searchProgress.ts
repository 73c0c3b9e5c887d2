import type { Candidate } from '../../src/dashboard/model/runModel.ts';

/** How a search goes; grows with it. */
export class SearchProgress {
  /** The best candidate; null before the first with a fitness. */
  best: Candidate | null = null;
  /** Fitness of the first candidate. */
  first: number | null = null;
  private seen: readonly Candidate[] = [];

  /** Takes up the candidates of a run. */
  update(candidates: readonly Candidate[]): void {
    const known = this.seen.length;
    const continues = known > 0 && candidates[known - 1]?.key === this.seen[known - 1]?.key;
    if (!continues) [this.best, this.first] = [null, null];
    for (let i = continues ? known : 0; i < candidates.length; i++) {
      const candidate = candidates[i]!;
      if (!Number.isFinite(candidate.fitness)) continue;
      this.first ??= candidate.fitness;
      if (this.best !== null && candidate.fitness >= this.best.fitness) continue;
      this.best = candidate;
    }
    this.seen = candidates;
  }

  /** Evaluations since the best was found. */
  get since(): number {
    return this.best === null ? 0 : (this.seen.at(-1)?.place ?? 0) - this.best.place;
  }
}
