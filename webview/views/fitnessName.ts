import type { RunSnapshot } from '../../src/dashboard/model/runSnapshot.ts';

/** What subnets of a run are judged by. */
export function fitnessName(run: RunSnapshot): string {
  const { search } = run.head.config as { search?: { fitness?: unknown } };
  return search?.fitness === 'kl' ? 'KL divergence' : 'Search perplexity';
}

/** The name of a figure within a sentence. */
export function lowerFirst(name: string): string {
  return name.startsWith('KL') ? name : name.charAt(0).toLowerCase() + name.slice(1);
}
