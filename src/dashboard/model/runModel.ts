import type { RunEvent, UnknownRunEvent } from '../../protocol/runEvent.ts';
import type {
  DeviceReport,
  ExportReport,
  Figure,
  RunState,
  SubnetReport,
} from '../../protocol/runRecord.ts';
import type { MapDensity } from '../../protocol/sparsityRecord.ts';
import type { ReformVerdicts } from '../../protocol/reformVerdict.ts';
import { storyLine, type StoryLine } from '../../protocol/runStory.ts';
import {
  stageNames,
  type FigureName,
  type Origin,
  type StageName,
} from '../../protocol/runWords.ts';
import { afterWork, type SubnetWork } from './subnetWork.ts';
import { MOST_CANDIDATES, newestReports, putGeneration, thinCandidates } from './thinned.ts';

/** Lines of the run's log that are kept for the dashboard. */
const LOG_LINES = 400;
/** Characters of such a line that are kept. */
const LINE_LENGTH = 4000;

/** One stage of the strip. */
export interface StageModel {
  readonly stage: StageName;
  readonly state: 'waiting' | 'running' | 'done';
  /** Milliseconds since 1970; null while waiting. */
  readonly startedMs: number | null;
  /** Time spent in it over all resumptions, ms; grows only when the stage ends. */
  readonly spentMs: number;
  readonly done: number;
  readonly total: number;
  /** Time left of it when that was last reported, ms; null while unknown. */
  readonly etaMs: number | null;
  /** When that was, milliseconds since 1970; null while unknown. */
  readonly etaAtMs: number | null;
}

/** What a stage is expected to take. */
export interface PlannedStage {
  readonly stage: StageName;
  readonly ms: number;
}

/** One judged candidate: a point of the fitness plot. */
export interface Candidate {
  readonly key: string;
  /** Counts the candidates in the order judged, from 1. */
  readonly place: number;
  readonly generation: number;
  readonly child: number;
  /** Lower is better. */
  readonly fitness: number;
  readonly how: Origin;
  readonly parents: readonly string[];
  /** Block parameters. */
  readonly params: number;
  readonly timeMs: number;
}

/** One finished generation. */
export interface Generation {
  readonly generation: number;
  readonly best: number;
  readonly median: number;
  readonly quartiles: readonly [number, number];
  readonly ms: number;
}

/** A line of the log. */
export interface LogLine extends StoryLine {
  readonly timeMs: number;
}

/** Everything a run has told so far, as plain data. */
export interface RunModel {
  /** Number of the next event; the events before it are in this model. */
  readonly nextSeq: number;
  readonly state: RunState;
  /** Why it failed; null otherwise. */
  readonly message: string | null;
  readonly startedMs: number | null;
  readonly lastMs: number | null;
  /** Time it ran until it was last stopped, ms. */
  readonly ranMs: number;
  /** Since when it runs, milliseconds since 1970; null while it does not. */
  readonly runningSinceMs: number | null;
  readonly stages: readonly StageModel[];
  /** Empty in logs of older versions, and until the run knows its device and windows. */
  readonly planned: readonly PlannedStage[];
  /** Fitness of the dense model on the windows of the search; null until it is known. */
  readonly denseFitness: number | null;
  /** Different subnets judged until now. */
  readonly judged: number;
  /**
   * In the order judged; a subnet met again is not repeated. Of a very long search not all: see
   * {@link thinCandidates}.
   */
  readonly candidates: readonly Candidate[];
  /** Of a very long search not all: see {@link putGeneration}. */
  readonly generations: readonly Generation[];
  /** Keys of the survivors of the newest generation. */
  readonly survivors: readonly string[];
  readonly figures: Readonly<Partial<Record<FigureName, Figure>>>;
  /** How full the maps of each block are, by block; empty until one is sparse. */
  readonly densities: readonly (readonly MapDensity[])[];
  /** How much of each reform was accepted; empty in logs of older versions. */
  readonly verdicts: ReformVerdicts;
  readonly exports: readonly ExportReport[];
  /** By subnet key; the newest report of each. */
  readonly subnets: Readonly<Record<string, SubnetReport>>;
  /** Work on one of its subnets after the run, the newest; null before any. */
  readonly work: SubnetWork | null;
  readonly devices: readonly DeviceReport[];
  readonly log: readonly LogLine[];
}

/** A run of which nothing has been heard. */
export const emptyRun: RunModel = {
  nextSeq: 0,
  state: 'queued',
  message: null,
  startedMs: null,
  lastMs: null,
  ranMs: 0,
  runningSinceMs: null,
  planned: [],
  denseFitness: null,
  work: null,
  stages: stageNames.map((stage) => waiting(stage)),
  judged: 0,
  candidates: [],
  generations: [],
  survivors: [],
  figures: {},
  densities: [],
  verdicts: {},
  exports: [],
  subnets: {},
  devices: [],
  log: [],
};

/**
 * The model after more events. Events it already holds are left out, so that a piece of the log may
 * be told twice.
 * @param events  in the order of the log
 * @returns the same object when nothing was new
 */
export function reduceRun(
  model: RunModel,
  events: readonly (RunEvent | UnknownRunEvent)[],
): RunModel {
  const fresh = events.filter(({ seq }) => seq >= model.nextSeq);
  if (fresh.length === 0) return model;
  const draft: Draft = {
    ...model,
    stages: [...model.stages],
    planned: [...model.planned],
    candidates: [...model.candidates],
    generations: [...model.generations],
    figures: { ...model.figures },
    densities: [...model.densities],
    exports: [...model.exports],
    survivors: [...model.survivors],
    subnets: { ...model.subnets },
    devices: [...model.devices],
    log: [...model.log],
  };
  const met = takeKeys(model.candidates);
  for (const event of fresh) {
    draft.nextSeq = Math.max(draft.nextSeq, event.seq + 1);
    draft.startedMs ??= event.timeMs;
    if (isAfterwards(draft)) draft.work = afterWork(draft.work, event);
    take(draft, met, event);
    draft.lastMs = event.timeMs;
    const line = storyLine(event);
    if (line !== null) {
      draft.log.push({ ...line, text: line.text.slice(0, LINE_LENGTH), timeMs: event.timeMs });
    }
  }
  if (draft.log.length > LOG_LINES) draft.log.splice(0, draft.log.length - LOG_LINES);
  draft.subnets = newestReports(draft.subnets);
  keysOf.set(draft.candidates, met);
  return draft;
}

/** Keys of the candidates of the newest models: gathering those of a long log takes a while. */
const keysOf = new WeakMap<RunModel['candidates'], Set<string>>();

/** Keys of a model's candidates, to be added to: whoever asks for them again gets others. */
function takeKeys(candidates: RunModel['candidates']): Set<string> {
  const known = keysOf.get(candidates);
  keysOf.delete(candidates);
  return known ?? new Set(candidates.map(({ key }) => key));
}

/**
 * True when events are missing between the model and a piece of the log, so that a snapshot is due.
 * @param from  number of the first event that the piece covers
 */
export function hasGap(model: RunModel, from: number): boolean {
  return from > model.nextSeq;
}

type Draft = {
  -readonly [K in keyof RunModel]: RunModel[K] extends readonly (infer T)[] ? T[] : RunModel[K];
} & {
  figures: Partial<Record<FigureName, Figure>>;
  subnets: Record<string, SubnetReport>;
};

function take(draft: Draft, met: Set<string>, event: RunEvent | UnknownRunEvent): void {
  switch (event.kind) {
    case 'runStarted': {
      // A process that was killed did not say when it stopped: its last word counts.
      const lastMs = draft.lastMs ?? event.timeMs;
      stopClock(draft, lastMs);
      [draft.state, draft.message, draft.work] = ['running', null, null];
      draft.runningSinceMs = event.timeMs;
      // A stage that was cut off begins again.
      draft.stages = draft.stages.map((s) => (s.state === 'running' ? pausedStage(s, lastMs) : s));
      return;
    }
    case 'runFinished':
      return end(draft, 'finished', event.timeMs);
    case 'runStopped':
      return end(draft, 'stopped', event.timeMs);
    case 'runFailed':
      end(draft, 'failed', event.timeMs);
      draft.message = event.message;
      return;
    case 'stagesPlanned':
      draft.planned = event.stages.map(({ stage, ms }) => ({ stage, ms }));
      return;
    case 'denseEvaluated':
      draft.denseFitness = event.fitness;
      return;
    case 'stageStarted':
      if (isAfterwards(draft)) return;
      return changeStage(draft, event.stage, (s) => ({
        ...{ ...s, state: 'running', startedMs: event.timeMs, done: 0, total: 0 },
        ...{ etaMs: null, etaAtMs: null },
      }));
    case 'stageProgress':
      if (isAfterwards(draft)) return;
      return changeStage(draft, event.stage, (s) => ({
        ...{ ...s, done: event.done, total: event.total },
        ...{ etaMs: event.etaMs, etaAtMs: event.timeMs },
      }));
    case 'stageFinished':
      if (isAfterwards(draft)) return;
      return changeStage(draft, event.stage, (s) => ({
        ...{ ...s, state: 'done', spentMs: s.spentMs + event.ms, done: s.total },
        ...{ etaMs: null, etaAtMs: null },
      }));
    case 'deviceChosen':
      draft.devices = [...event.devices];
      return;
    case 'evaluated':
      return judge(draft, met, event);
    case 'generationFinished': {
      const { generation, best, median, quartiles, survivors, ms } = event;
      putGeneration(draft.generations, { generation, best, median, quartiles, ms });
      draft.survivors = [...survivors];
      return;
    }
    case 'figure':
      draft.figures[event.name] = event.figure;
      return;
    case 'reformJudged':
      if (isAfterwards(draft)) return;
      draft.verdicts = { ...draft.verdicts, [event.stage]: event.verdict };
      return;
    case 'blockSparsified':
      draft.densities[event.block] = event.maps;
      return;
    case 'exported':
      draft.exports = draft.exports.filter(({ form }) => form !== event.report.form);
      draft.exports.push(event.report);
      return;
    case 'subnetReported':
      draft.subnets[event.report.key] = event.report;
      return;
    case 'subnetStarted':
    case 'log':
    case 'comparisonStarted':
    case 'compared':
    case 'unknown':
      return;
  }
}

function judge(draft: Draft, met: Set<string>, event: RunEvent & { kind: 'evaluated' }): void {
  const { key, generation, child, fitness, how, parents, params, timeMs } = event;
  if (met.has(key)) return;
  const place = ++draft.judged;
  draft.candidates.push({ key, place, generation, child, fitness, how, parents, params, timeMs });
  met.add(key);
  if (draft.candidates.length <= MOST_CANDIDATES) return;
  draft.candidates = thinCandidates(draft.candidates);
  // A subnet is met again soon or never: one told twice was judged just before its run was killed.
  met.clear();
  for (const one of draft.candidates) met.add(one.key);
}

/** True when the run has said its last word: stages are then work on one of its subnets. */
function isAfterwards({ state }: Draft): boolean {
  return state !== 'running' && state !== 'queued';
}

function end(draft: Draft, state: RunState, timeMs: number): void {
  stopClock(draft, timeMs);
  [draft.state, draft.message] = [state, null];
  draft.stages = draft.stages.map((s) => (s.state === 'running' ? pausedStage(s, timeMs) : s));
}

function stopClock(draft: Draft, timeMs: number): void {
  if (draft.runningSinceMs !== null) draft.ranMs += Math.max(0, timeMs - draft.runningSinceMs);
  draft.runningSinceMs = null;
}

/** A stage that was broken off keeps the time it took. */
function pausedStage(stage: StageModel, timeMs: number): StageModel {
  const spent = stage.startedMs === null ? 0 : Math.max(0, timeMs - stage.startedMs);
  return { ...stage, state: 'waiting', spentMs: stage.spentMs + spent, etaMs: null, etaAtMs: null };
}

function changeStage(
  draft: Draft,
  name: StageName,
  change: (stage: StageModel) => StageModel,
): void {
  draft.stages = draft.stages.map((s) => (s.stage === name ? change(s) : s));
}

function waiting(stage: StageName): StageModel {
  return {
    ...{ stage, state: 'waiting', startedMs: null, spentMs: 0, done: 0, total: 0 },
    ...{ etaMs: null, etaAtMs: null },
  };
}
