import { lastFigure } from '../../src/dashboard/model/lastFigure.ts';
import { valueIn } from '../../src/dashboard/model/runPlan.ts';
import type { RunSnapshot } from '../../src/dashboard/model/runSnapshot.ts';
import { comparableKey } from '../../src/protocol/comparableKey.ts';

/** Key of what the held-out perplexity of a run compares with; null: with nothing. */
export function perplexityKey({ model }: RunSnapshot): string | null {
  return comparableKey(lastFigure(model.figures)?.figure.evaluatedOn);
}

/** Key of what the search figures of a run compare with; null: with nothing. */
export function searchKey({ head }: RunSnapshot): string | null {
  const { model, text, heldout, tokenizer } = head.hashes;
  if (model === undefined || text === undefined) return null;
  const { config } = head;
  const settings = [
    valueIn(config, 'search', 'fitness'),
    valueIn(config, 'search', 'windows'),
    valueIn(config, 'calibration', 'windows'),
    valueIn(config, 'search', 'length'),
    valueIn(config, 'calibration', 'length'),
    config['seed'],
  ];
  return JSON.stringify([model, text, heldout ?? null, tokenizer ?? null, ...settings]);
}

/** Whether all runs that have a figure have the same key. */
export function areAlike(
  runs: readonly RunSnapshot[],
  keyOf: (run: RunSnapshot) => string | null,
): boolean {
  const keys = runs.map(keyOf);
  return keys.every((key) => key !== null && key === keys[0]);
}

/** Which figures of these runs do not compare, in a sentence; empty when all do. */
export function incomparableText(runs: readonly RunSnapshot[]): string {
  const parts = [
    ...(areAlike(runs, perplexityKey) ? [] : ['held-out perplexities']),
    ...(areAlike(runs, searchKey) ? [] : ['search figures']),
  ];
  const times = 'Times of two moments do not compare.';
  if (parts.length === 0) return times;
  const what = parts.join(' and ');
  return `The ${what} are not ranked: models, texts or windows differ, or are not recorded. ${times}`;
}
