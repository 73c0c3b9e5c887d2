import { isDenseTiming, speedAgainstDense, type TimedStep } from '../protocol/speedChange.ts';
import type { Timing } from '../protocol/timing.ts';

/**
 * What is known of a model's speed beside the dense model, as the end of a line: `, 1.32 times as fast
 * as dense`, `, no difference to dense seen`, or nothing where there is nothing to compare.
 */
export function speedText(step: TimedStep, timing: Timing): string {
  const change = speedAgainstDense(step, timing);
  if (change.kind === 'unknown' || isDenseTiming(timing)) return '';
  if (change.kind === 'none') return ', no difference to dense seen';
  return `, ${change.factor.toFixed(2)} times as fast as dense`;
}
