import { lastFigure } from '../../dashboard/model/lastFigure.ts';
import { newestReports, putGeneration } from '../../dashboard/model/thinned.ts';
import type { ReformVerdicts } from '../../protocol/reformVerdict.ts';
import type { RunEvent, UnknownRunEvent } from '../../protocol/runEvent.ts';
import type {
  DeviceReport,
  ExportReport,
  Figure,
  FigureName,
  RunState,
  StageName,
  SubnetReport,
} from '../../protocol/runRecord.ts';

/** Subnets of a run that the tree shows. */
const BEST_SHOWN = 5;

/** A judged subnet among the best of its run. */
export interface TopSubnet {
  readonly key: string;
  readonly fitness: number;
  readonly generation: number;
  /** Block parameters. */
  readonly params: number;
}

/** One finished generation, as a row. */
export interface GenerationRow {
  readonly generation: number;
  readonly best: number;
  readonly median: number;
}

/** What trees, status bar and messages need of a run's log: little, however long the log is. */
export interface RunDigest {
  /** As the log's last word says; a process may be gone without one. */
  readonly state: RunState;
  readonly message: string | null;
  /** True when it failed because its device was not there, or went. */
  readonly lostDevice: boolean;
  readonly startedMs: number | null;
  readonly lastMs: number | null;
  readonly stage: StageName | null;
  /** Part of the stage that is done, 0 to 1. */
  readonly fraction: number | null;
  readonly etaMs: number | null;
  /** Last finished generation. */
  readonly generation: number | null;
  /** Best fitness so far; lower is better. */
  readonly best: number | null;
  readonly generations: readonly GenerationRow[];
  /** Best first. */
  readonly top: readonly TopSubnet[];
  readonly figures: Readonly<Partial<Record<FigureName, Figure>>>;
  readonly exports: readonly ExportReport[];
  /** How much of the run's own reforms was accepted. */
  readonly reforms: ReformVerdicts;
  /** The devices that were tried. */
  readonly devices: readonly DeviceReport[];
  /** By subnet key. */
  readonly subnets: Readonly<Record<string, SubnetReport>>;
}

/** A run of which nothing has been read. */
export const emptyDigest: RunDigest = {
  ...{ state: 'queued', message: null, lostDevice: false, startedMs: null, lastMs: null },
  ...{ stage: null, fraction: null, etaMs: null, generation: null, best: null },
  ...{ generations: [], top: [], figures: {}, exports: [], devices: [], subnets: {} },
  reforms: {},
};

/** The digest after more of the log. @param events  in the order of the log, none told before */
export function digestEvents(
  digest: RunDigest,
  events: readonly (RunEvent | UnknownRunEvent)[],
): RunDigest {
  if (events.length === 0) return digest;
  const draft: Draft = {
    ...digest,
    generations: [...digest.generations],
    top: [...digest.top],
    exports: [...digest.exports],
    devices: [...digest.devices],
    subnets: { ...digest.subnets },
  };
  for (const event of events) {
    draft.startedMs ??= event.timeMs;
    draft.lastMs = event.timeMs;
    take(draft, event);
  }
  draft.subnets = newestReports(draft.subnets);
  return draft;
}

/** Figures of what a run has made of its model so far. */
export function finalFigure({ figures }: RunDigest): Figure | null {
  return lastFigure(figures)?.figure ?? null;
}

type Draft = {
  -readonly [K in keyof RunDigest]: RunDigest[K] extends readonly (infer T)[] ? T[] : RunDigest[K];
} & { subnets: Record<string, SubnetReport> };

function take(draft: Draft, event: RunEvent | UnknownRunEvent): void {
  switch (event.kind) {
    case 'runStarted':
      [draft.state, draft.message, draft.lostDevice] = ['running', null, false];
      return noStage(draft);
    case 'runFinished':
      draft.state = 'finished';
      return noStage(draft);
    case 'runStopped':
      draft.state = 'stopped';
      return noStage(draft);
    case 'runFailed':
      [draft.state, draft.message] = ['failed', event.message];
      draft.lostDevice = event.code === 'device';
      return noStage(draft);
    case 'stageStarted':
      [draft.stage, draft.fraction, draft.etaMs] = [event.stage, null, null];
      return;
    case 'stageProgress':
      draft.stage = event.stage;
      draft.fraction = event.total > 0 ? Math.min(1, event.done / event.total) : null;
      draft.etaMs = event.etaMs;
      return;
    case 'evaluated':
      return judge(draft, event);
    case 'generationFinished': {
      const { generation, best, median } = event;
      putGeneration(draft.generations, { generation, best, median });
      draft.generation = generation;
      draft.best = Math.min(best, draft.best ?? best);
      return;
    }
    case 'figure':
      draft.figures = { ...draft.figures, [event.name]: event.figure };
      return;
    case 'exported':
      draft.exports = draft.exports.filter(({ form }) => form !== event.report.form);
      draft.exports.push(event.report);
      return;
    case 'subnetReported':
      draft.subnets[event.report.key] = event.report;
      return;
    case 'reformJudged':
      // Afterwards it is the reform of one subnet, whose report holds it.
      if (draft.state !== 'running') return;
      draft.reforms = { ...draft.reforms, [event.stage]: event.verdict };
      return;
    case 'deviceChosen':
      draft.devices = [...event.devices];
      return;
    case 'stagesPlanned':
    case 'stageFinished':
    case 'denseEvaluated':
    case 'subnetStarted':
    case 'log':
    case 'blockSparsified':
    case 'comparisonStarted':
    case 'compared':
    case 'unknown':
      return;
  }
}

function noStage(draft: Draft): void {
  [draft.stage, draft.fraction, draft.etaMs] = [null, null, null];
}

function judge(draft: Draft, event: RunEvent & { readonly kind: 'evaluated' }): void {
  const { key, fitness, generation, params } = event;
  draft.best = Math.min(fitness, draft.best ?? fitness);
  const worst = draft.top.at(-1);
  const full = draft.top.length >= BEST_SHOWN;
  if (full && worst !== undefined && fitness >= worst.fitness) return;
  if (draft.top.some((one) => one.key === key)) return;
  draft.top.push({ key, fitness, generation, params });
  draft.top.sort((a, b) => a.fitness - b.fitness);
  draft.top.length = Math.min(draft.top.length, BEST_SHOWN);
}
