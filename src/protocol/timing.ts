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
