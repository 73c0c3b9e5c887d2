import * as Type from 'typebox';
import type { Static } from 'typebox';
import { compareRowSchema, compareScopes } from './compareRow.ts';

/** Version of `comparison.json`. */
export const COMPARISON_SCHEMA_VERSION = 1;
/** Name of the file, in `.subnet/compare/<key>` beside the config. */
export const COMPARISON_FILE = 'comparison.json';

const size = Type.Integer({ minimum: 0 });

/** Schema of {@link ComparisonTable}. */
export const comparisonTableSchema = Type.Object({
  schemaVersion: Type.Literal(COMPARISON_SCHEMA_VERSION),
  /** Name of the config. */
  name: Type.String(),
  /** Absolute path of the config. */
  configPath: Type.String(),
  /** Name of the model folder. */
  model: Type.String(),
  /** What is odd about its checkpoint; absent in older tables. Whole sentences, none for most. */
  notes: Type.Optional(Type.Array(Type.String())),
  /** Where it ran, for people. */
  device: Type.String(),
  seed: size,
  startedMs: Type.Number({ minimum: 0 }),
  updatedMs: Type.Number({ minimum: 0 }),
  /** `running` is also what a killed one says: whether it still runs only its engine knows. */
  state: Type.Enum(['running', 'stopped', 'failed', 'finished']),
  /** Held-out text of every figure. */
  heldout: Type.Object({ windows: size, tokens: size }),
  /** Calibration text of every method. */
  calibration: Type.Object({ windows: size, tokens: size }),
  /** Prunable block parameters of the dense model. */
  blockParams: size,
  /** Rows in the end, those that do not apply included. */
  total: size,
  /** In the order of the table; the dense model first. */
  rows: Type.Array(compareRowSchema),
  /** What does not go with the model or the pattern, and why. */
  leftOut: Type.Array(
    Type.Object({
      method: Type.String(),
      pattern: Type.String(),
      scope: Type.Enum([...compareScopes]),
      why: Type.String(),
    }),
  ),
});
/** `comparison.json`: everything a comparison has found so far. */
export type ComparisonTable = Readonly<Static<typeof comparisonTableSchema>>;
