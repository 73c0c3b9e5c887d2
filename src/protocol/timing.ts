import * as Type from 'typebox';
import type { Static } from 'typebox';

const size = Type.Integer({ minimum: 0 });
const milliseconds = Type.Number({ minimum: 0 });
const ratio = Type.Number({ minimum: 0 });

const quartilesSchema = Type.Object({ lower: milliseconds, upper: milliseconds });
const ratioSchema = Type.Object({
  /** Median over the rounds. */
  median: ratio,
  /** Bounds of an interval that holds the true median with 99% confidence. */
  low: ratio,
  high: ratio,
});
/** How many times as long as the dense model's something took, round by round. */
export type RatioToDense = Readonly<Static<typeof ratioSchema>>;

/** Schema of {@link Timing}. */
export const timingSchema = Type.Object({
  /** When, milliseconds since 1970. */
  takenMs: milliseconds,
  device: Type.String({ maxLength: 40 }),
  /** CPU threads; null where the device is another. */
  threads: Type.Union([size, Type.Null()]),
  rounds: size,
  promptTokens: size,
  decodedTokens: size,
  /** Half of all rounds lie between. */
  prefill: quartilesSchema,
  decode: quartilesSchema,
  /**
   * Against the dense model that took turns with this one; of the dense model itself 1. Null when
   * it was not there.
   */
  ratio: Type.Union([Type.Object({ prefill: ratioSchema, decode: ratioSchema }), Type.Null()]),
});
/**
 * How times were taken: `prefillMs` and `decodeMs` of a figure are the medians. Times of two moments
 * do not compare, for a machine is not always equally busy; ratios of one moment do.
 */
export type Timing = Readonly<Static<typeof timingSchema>>;

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
