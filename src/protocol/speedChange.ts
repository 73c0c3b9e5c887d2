import type { RatioToDense, Timing } from './timing.ts';

/** The kinds of steps that are timed. */
export const timedSteps = ['prefill', 'decode'] as const;
/** A kind of step that is timed. */
export type TimedStep = (typeof timedSteps)[number];

/** What is known of the speed of one model beside another. */
export type SpeedChange =
  /** `factor`: how many times as fast; above 1 for `faster`, below for `slower`. */
  | { readonly kind: 'faster' | 'slower'; readonly factor: number }
  /** The spread of the rounds is larger than the difference. */
  | { readonly kind: 'none' }
  /** Not timed beside the dense model on one device, or by an older version. */
  | { readonly kind: 'unknown' };

/**
 * Decides whether one model is faster than another.
 *
 * Each was timed in turns with the dense model. A difference counts when the 99% intervals of the two
 * ratios to it do not overlap; the dense model's own is exactly 1. So less than one comparison in a
 * hundred calls equal models different.
 * @param timing  of the model
 * @param base  of the model it is compared with
 */
export function speedChange(
  step: TimedStep,
  timing: Timing | undefined,
  base: Timing | undefined,
): SpeedChange {
  if (timing?.device !== base?.device || timing?.threads !== base?.threads) {
    return { kind: 'unknown' };
  }
  return changeOf(timing?.ratio?.[step], base?.ratio?.[step]);
}

/** The same against the dense model that a model was timed beside. */
export function speedAgainstDense(step: TimedStep, timing: Timing | undefined): SpeedChange {
  return changeOf(timing?.ratio?.[step], DENSE);
}

/** True for the timing of the dense model itself: it takes exactly as long as itself. */
export function isDenseTiming({ ratio: beside }: Timing): boolean {
  return beside?.prefill.low === 1 && beside.prefill.high === 1;
}

const DENSE: RatioToDense = { median: 1, low: 1, high: 1 };

function changeOf(own: RatioToDense | undefined, other: RatioToDense | undefined): SpeedChange {
  if (own === undefined || other === undefined) return { kind: 'unknown' };
  if (own.low <= other.high && other.low <= own.high) return { kind: 'none' };
  const factor = other.median / own.median;
  return { kind: factor > 1 ? 'faster' : 'slower', factor };
}
