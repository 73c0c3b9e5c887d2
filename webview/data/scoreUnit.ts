import { isOfLevels, valueIn } from '../../src/dashboard/model/runPlan.ts';

const units: Readonly<Record<string, string>> = {
  energy: 'share of the energy in its block',
  obs: 'sum of weight² ÷ inverse Gram diagonal (OBS)',
  wanda: 'sum of |weight| × input norm (Wanda)',
  magnitude: 'sum of |weight| (magnitude)',
};

const weightUnits: Readonly<Record<string, string>> = {
  magnitude: '|weight|',
  wanda: '|weight| × input norm (Wanda)',
  dass: 'DaSS score, no unit',
  ours: 'DaSS score, or Wanda without a gate',
};

/** What the scores of single weights are that a method of sparsity compares. */
export function weightScoreUnit(method: string): string {
  return weightUnits[method] ?? 'score';
}

/**
 * What the scores of a run's units are, with their unit.
 * @param config  resolved, of any version
 */
export function scoreUnit(config: Readonly<Record<string, unknown>>): string {
  if (isOfLevels(config)) return 'place in the order of removal, the first to go at 0';
  const score = valueIn(config, 'importance', 'score');
  return (typeof score === 'string' ? units[score] : undefined) ?? 'score';
}
