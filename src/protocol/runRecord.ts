import * as Type from 'typebox';
import type { Static } from 'typebox';
import { evaluatedOnSchema } from './evaluatedOn.ts';
import { modelSummarySchema } from './modelSummary.ts';
import { recordOf } from './recordOf.ts';
import { reformVerdictSchema, reformVerdictsSchema } from './reformVerdict.ts';
import { figureNames, type FigureName, type StageName } from './runWords.ts';
import { timingSchema } from './timing.ts';

export type { FigureName, StageName } from './runWords.ts';

/** Version of the run folder's files; a folder of a newer version is refused, not misread. */
export const RUN_SCHEMA_VERSION = 1;

/** Where a run stands. `queued`: made, nothing done yet. */
export type RunState = 'queued' | 'running' | 'stopped' | 'failed' | 'finished';

const size = Type.Integer({ minimum: 0 });
const milliseconds = Type.Number({ minimum: 0 });

/** Schema of {@link Figure}. */
export const figureSchema = Type.Object({
  params: size,
  blockParams: size,
  /** On held-out text; null: infinite, the loss then still says how bad it is. */
  perplexity: Type.Union([Type.Number(), Type.Null()]),
  /** Mean loss of a predicted token; absent in records of older versions. */
  lossNats: Type.Optional(Type.Number()),
  /** What the perplexity was evaluated on; absent in records of older versions. */
  evaluatedOn: Type.Optional(evaluatedOnSchema),
  bytes: size,
  prefillMs: milliseconds,
  decodeMs: milliseconds,
  /** How the times were taken; absent in records of older versions. */
  timing: Type.Optional(timingSchema),
  /**
   * Memory that loading the decoder and one prompt through it add to a process of its own; null
   * where that is not known. Records without `timing` hold another figure, which says nothing.
   */
  peakBytes: Type.Union([size, Type.Null()]),
});
/**
 * What is known of one model: all parameters, prunable block parameters, held-out perplexity, bytes
 * of the weights on disk, median time of one prefill and of one decoded token, peak memory.
 */
export type Figure = Readonly<Static<typeof figureSchema>>;
/** Figures of a run; null where the config left a model out. */
export type Figures = Readonly<Record<FigureName, Figure | null>>;

/** Every figure by its name; null where a run, perhaps of an older version, does not name it. */
export function allFigures(read: Readonly<Record<string, Figure | null>>): Figures {
  return Object.fromEntries(figureNames.map((name) => [name, read[name] ?? null])) as Figures;
}

/** Schema of {@link DeviceReport}. */
export const deviceReportSchema = Type.Object({
  device: Type.String(),
  ok: Type.Boolean(),
  chosen: Type.Boolean(),
  reason: Type.String(),
  gflops: Type.Union([Type.Number(), Type.Null()]),
  threads: Type.Union([size, Type.Null()]),
});
/** A device that was tried: whether it passed, why it was taken or refused, its MatMul rate. */
export type DeviceReport = Readonly<Static<typeof deviceReportSchema>>;

const nats = Type.Number({ minimum: 0 });

/**
 * How an export compares with the searched model on the values that it stores: what only the order
 * of additions may change. Fields that may be absent are not in reports of older versions, whose
 * tolerance also held the rounding of the weights.
 */
const verifiedSchema = Type.Object({
  /** Largest difference of a logit, and the largest that is allowed. */
  maxDifference: Type.Number({ minimum: 0 }),
  tolerance: Type.Number({ minimum: 0 }),
  /** Largest magnitude of a logit, which the tolerance is a share of. */
  largestLogit: Type.Optional(Type.Number({ minimum: 0 })),
  /** Mean KL divergence of the next-token distributions, and the largest that is allowed. */
  klNats: Type.Optional(nats),
  klTolerance: Type.Optional(nats),
  /** Difference of the mean loss, and the largest magnitude that is allowed. */
  lossDifferenceNats: Type.Optional(Type.Number()),
  lossTolerance: Type.Optional(nats),
  /** Tokens compared. */
  tokens: size,
  /** What storing rounded weights costs against the searched ones; null when none are rounded. */
  rounding: Type.Optional(
    Type.Union([Type.Object({ klNats: nats, lossDifferenceNats: Type.Number() }), Type.Null()]),
  ),
  /** What a decoder of integers adds by rounding its activations; null for other exports. */
  activations: Type.Optional(
    Type.Union([
      Type.Object({ klNats: nats, lossDifferenceNats: Type.Number(), limitNats: nats }),
      Type.Null(),
    ]),
  ),
});

/** Schema of {@link ExportReport}. */
export const exportReportSchema = Type.Object({
  form: Type.Enum(['checkpoint', 'onnx', 'compressed', 'subnet']),
  path: Type.String(),
  bytes: size,
  verified: Type.Union([verifiedSchema, Type.Null()]),
  loadable: Type.Union([
    Type.Object({
      transformers: Type.Boolean(),
      reason: Type.String(),
      ownCode: Type.Optional(Type.Boolean()),
    }),
    Type.Null(),
  ]),
  prefillMs: Type.Union([milliseconds, Type.Null()]),
  decodeMs: Type.Union([milliseconds, Type.Null()]),
  /**
   * SHA-256, hex, of each of its files as it was verified, by name; names of files in folders have
   * slashes. Absent in reports of older versions, whose exports nobody can vouch for any more.
   */
  hashes: Type.Optional(recordOf(Type.String({ pattern: '^[0-9a-f]{64}$' }))),
});
/**
 * One thing that was written. `loadable` says of a checkpoint whether stock transformers can build
 * it, why not, and whether it comes with code that can (`ownCode`, absent in older reports); null for
 * other forms. `verified` is null only for the subnet config, which holds no weights.
 */
export type ExportReport = Readonly<Static<typeof exportReportSchema>>;

/** Schema of {@link SubnetReport}. */
export const subnetReportSchema = Type.Object({
  key: Type.String(),
  /** With the weights of the dense model. */
  figure: Type.Union([figureSchema, Type.Null()]),
  /** With reformed weights; null also where the reform was rejected. */
  reformed: Type.Union([figureSchema, Type.Null()]),
  /** How much of the reform was accepted; absent when none was asked for. */
  verdict: Type.Optional(reformVerdictSchema),
  exports: Type.Array(exportReportSchema),
});
/** What was found out about one subnet after its search; null: not asked for. */
export type SubnetReport = Readonly<Static<typeof subnetReportSchema>>;

/** Schema of {@link RunManifest}. `config` is checked when it was parsed, so it is opaque here. */
export const runManifestSchema = Type.Object({
  schemaVersion: Type.Integer({ minimum: 1 }),
  id: Type.String({ minLength: 1 }),
  name: Type.String(),
  createdMs: milliseconds,
  /** Absolute path of the config the run was started from. */
  configPath: Type.String(),
  /** The config text as the user wrote it. */
  configText: Type.String(),
  /** The {@link ResolvedConfig}. */
  config: recordOf(Type.Unknown()),
  /** Every seed that was drawn from, by purpose. */
  seeds: recordOf(Type.Integer()),
  /** SHA-256, hex, of what the figures depend on: `model`, `text`, `heldout`, `engine`, … */
  hashes: recordOf(Type.String()),
  /** `engine`, `onnxruntime`, `node`, … */
  versions: recordOf(Type.String()),
  device: Type.Union([deviceReportSchema, Type.Null()]),
  /** Sizes of the model; absent in runs of the first version. */
  model: Type.Optional(modelSummarySchema),
});
/** What a run is: written once when it starts, never changed by its search. */
export type RunManifest = Readonly<Static<typeof runManifestSchema>>;

const nullableFigure = Type.Union([figureSchema, Type.Null()]);

/** Schema of {@link RunResults}. */
export const runResultsSchema = Type.Object({
  schemaVersion: Type.Integer({ minimum: 1 }),
  /** Rows that a run of an older version does not name were not measured. */
  figures: recordOf(nullableFigure),
  exports: Type.Array(exportReportSchema),
  /** Absent in runs of older versions. */
  reforms: Type.Optional(reformVerdictsSchema),
});
/** `results.json` of a finished run. */
export type RunResults = Readonly<
  Omit<Static<typeof runResultsSchema>, 'figures'> & { readonly figures: Figures }
>;

/** One line of a list of runs. */
export type RunSummary =
  | {
      readonly kind: 'run';
      readonly folder: string;
      readonly id: string;
      readonly name: string;
      readonly createdMs: number;
      readonly state: RunState;
      /** Kept share asked for; null when the manifest does not tell. */
      readonly ratio: number | null;
      /** Last stage that was started. */
      readonly stage: StageName | null;
      readonly generation: number | null;
      readonly bestFitness: number | null;
      readonly figures: Figures | null;
      /** Message of the failure, when it failed. */
      readonly message: string | null;
    }
  | {
      readonly kind: 'corrupt';
      readonly folder: string;
      readonly id: string;
      /** Why it cannot be read. */
      readonly message: string;
    };
