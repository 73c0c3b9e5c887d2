import type { RunSnapshot } from '../../src/dashboard/model/runSnapshot.ts';

/** What candidates of a run are judged by. */
export function fitnessName(run: RunSnapshot): string {
  const { search } = run.head.config as { search?: { fitness?: unknown } };
  return search?.fitness === 'kl' ? 'KL divergence' : 'Search perplexity';
}
