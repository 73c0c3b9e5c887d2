import * as Type from 'typebox';
import type { Static, TProperties } from 'typebox';
import {
  deviceReportSchema,
  exportReportSchema,
  figureSchema,
  subnetReportSchema,
} from './runRecord.ts';
import { MOST_LAYERS } from './bounds.ts';
import { compareRowSchema } from './compareRow.ts';
import { reformVerdictSchema } from './reformVerdict.ts';
import { figureNames, originNames, stageNames } from './runWords.ts';
import { mapDensitySchema } from './sparsityRecord.ts';

const stage = Type.Enum([...stageNames]);
const size = Type.Integer({ minimum: 0 });
const milliseconds = Type.Number({ minimum: 0 });
/** Subnet key; ours have 16 characters. */
const key = Type.String({ maxLength: 64 });

/** Schemas of the events, by kind, without the fields all of them share. */
export const runEventSchemas = {
  runStarted: event('runStarted', {
    id: Type.String(),
    /** Absolute path of the run folder. */
    folder: Type.String(),
    resumed: Type.Boolean(),
  }),
  /**
   * The stages of the run and what each is expected to take. Not in logs of older versions. A resumed
   * run says it again.
   */
  stagesPlanned: event('stagesPlanned', {
    stages: Type.Array(Type.Object({ stage, ms: milliseconds })),
  }),
  stageStarted: event('stageStarted', { stage }),
  stageProgress: event('stageProgress', {
    stage,
    done: Type.Number({ minimum: 0 }),
    total: Type.Number({ minimum: 0 }),
    etaMs: Type.Union([milliseconds, Type.Null()]),
  }),
  stageFinished: event('stageFinished', { stage, ms: milliseconds }),
  /** The dense model on the windows of the search: what subnets are compared with. */
  denseEvaluated: event('denseEvaluated', { fitness: Type.Number() }),
  deviceChosen: event('deviceChosen', { devices: Type.Array(deviceReportSchema) }),
  evaluated: event('evaluated', {
    generation: size,
    child: size,
    key,
    fitness: Type.Number(),
    how: Type.Enum([...originNames]),
    parents: Type.Array(key, { maxItems: 16 }),
    params: size,
  }),
  generationFinished: event('generationFinished', {
    generation: size,
    best: Type.Number(),
    median: Type.Number(),
    quartiles: Type.Tuple([Type.Number(), Type.Number()]),
    survivors: Type.Array(key),
    ms: milliseconds,
  }),
  figure: event('figure', { name: Type.Enum([...figureNames]), figure: figureSchema }),
  /** It was decided how much of a reform is accepted. */
  reformJudged: event('reformJudged', {
    stage: Type.Enum(['reform', 'sparsify']),
    verdict: reformVerdictSchema,
  }),
  exported: event('exported', { report: exportReportSchema }),
  /** One block got its zeros. */
  blockSparsified: event('blockSparsified', {
    block: Type.Integer({ minimum: 0, maximum: MOST_LAYERS - 1 }),
    maps: Type.Array(mapDensitySchema),
  }),
  /** A comparison began: its folder, and the rows it will have. */
  comparisonStarted: event('comparisonStarted', { folder: Type.String(), total: size }),
  /** A row of a comparison is done, or was found done; `row` is null for one that does not apply. */
  compared: event('compared', {
    row: Type.Union([compareRowSchema, Type.Null()]),
    done: size,
    total: size,
    /** Time the other rows will take; null or absent while nobody knows. */
    etaMs: Type.Optional(Type.Union([milliseconds, Type.Null()])),
  }),
  /** Work on one subnet of the run began, after the run; not in logs of older versions. */
  subnetStarted: event('subnetStarted', {
    key,
    reform: Type.Boolean(),
    evaluate: Type.Boolean(),
    forms: Type.Array(Type.Enum(['checkpoint', 'onnx', 'compressed'])),
  }),
  /** A subnet of the run was reformed, evaluated or exported after the run. */
  subnetReported: event('subnetReported', { report: subnetReportSchema }),
  runFinished: event('runFinished', { ms: milliseconds }),
  runFailed: event('runFailed', { code: Type.String(), message: Type.String() }),
  runStopped: event('runStopped', {}),
  log: event('log', {
    level: Type.Enum(['debug', 'info', 'warning', 'error']),
    text: Type.String(),
  }),
} as const;

type Schemas = typeof runEventSchemas;

/** What happened, before it got its place in the log. Tagged `kind`. */
export type RunEventBody = {
  readonly [K in keyof Schemas]: Readonly<Static<Schemas[K]>>;
}[keyof Schemas];

/** Schema of what every event has. */
export const eventStampSchema = Type.Object({
  kind: Type.String(),
  seq: size,
  timeMs: milliseconds,
});
/**
 * Place of an event in the log: `seq` counts from 0 without gaps over all resumptions of a run,
 * `timeMs` is milliseconds since 1970.
 */
export type EventStamp = Readonly<Omit<Static<typeof eventStampSchema>, 'kind'>>;

/** One line of `events.jsonl`, as this version writes it. */
export type RunEvent = RunEventBody & EventStamp;

/** An event of a kind this version does not know, kept as it was read. */
export interface UnknownRunEvent extends EventStamp {
  readonly kind: 'unknown';
  readonly original: Readonly<Record<string, unknown>>;
}

/**
 * Numbers events that belong to no run folder.
 * @param now  clock, milliseconds since 1970
 * @returns a function that stamps one event after the other, from 0
 */
export function eventStamper(now: () => number): (body: RunEventBody) => RunEvent {
  let seq = 0;
  return (body) => ({ ...body, seq: seq++, timeMs: now() });
}

function event<K extends string, P extends TProperties>(kind: K, properties: P) {
  return Type.Object({ kind: Type.Literal(kind), ...properties });
}
