import type { Candidate } from '../../src/dashboard/model/runModel.ts';

/** Candidates by their key; grows with a run instead of being made again. */
export class CandidateIndex {
  private readonly byKey = new Map<string, Candidate>();
  private seen: readonly Candidate[] = [];

  /** Takes up the candidates of a run. */
  update(candidates: readonly Candidate[]): void {
    const known = this.seen.length;
    const continues = candidates.length >= known && candidates[known - 1] === this.seen[known - 1];
    if (!continues) this.byKey.clear();
    for (let i = continues ? known : 0; i < candidates.length; i++) {
      this.byKey.set(candidates[i]!.key, candidates[i]!);
    }
    this.seen = candidates;
  }

  get(key: string): Candidate | undefined {
    return this.byKey.get(key);
  }
}
