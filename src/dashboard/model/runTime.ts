import type { StageName } from '../../protocol/runWords.ts';
import type { RunModel, StageModel } from './runModel.ts';

/** How long a run has taken, and how long it will still take. */
export interface RunTime {
  /** Time it ran, pauses left out, ms. */
  readonly elapsedMs: number;
  /** Of the whole run, ms; null when it does not run, or did not say what it expects to take. */
  readonly leftOfRunMs: number | null;
  /** Of the stage that runs; null when none does, or nothing is known of it yet. */
  readonly leftOfStage: { readonly stage: StageName; readonly ms: number } | null;
}

/** Its time is that of libraries and disks, and tells nothing of how fast the others will be. */
const NO_MEASURE: StageName = 'import';

/**
 * Times of a run: the stage that runs by its own progress, the others as planned, scaled by how long
 * finished stages took against what was planned for them.
 * @param model  everything the log of the run holds
 * @param isRunning  false for a run whose process is gone, whatever its log says last
 * @param nowMs  milliseconds since 1970
 */
export function runTime(model: RunModel, isRunning: boolean, nowMs: number): RunTime {
  const { ranMs, runningSinceMs, lastMs, stages, planned } = model;
  const until = isRunning ? nowMs : (lastMs ?? nowMs);
  const elapsedMs = ranMs + (runningSinceMs === null ? 0 : Math.max(0, until - runningSinceMs));
  if (!isRunning) return { elapsedMs, leftOfRunMs: null, leftOfStage: null };
  const stateOf = new Map(stages.map((stage) => [stage.stage, stage]));
  const pace = paceOf(planned, stateOf, nowMs);
  const current = stages.find(({ state }) => state === 'running');
  const expected = planned.find(({ stage }) => stage === current?.stage)?.ms;
  const ms = current === undefined ? null : leftOf(current, expected, pace, nowMs);
  const leftOfStage = current === undefined || ms === null ? null : { stage: current.stage, ms };
  if (planned.length === 0) return { elapsedMs, leftOfRunMs: null, leftOfStage };
  const toCome = planned
    .filter(({ stage }) => stateOf.get(stage)?.state === 'waiting')
    .reduce((sum, one) => sum + pace * one.ms, 0);
  return { elapsedMs, leftOfRunMs: (ms ?? 0) + toCome, leftOfStage };
}

/** Time that stages took over time that was planned for them; 1 before one can tell. */
function paceOf(
  planned: RunModel['planned'],
  stateOf: ReadonlyMap<StageName, StageModel>,
  nowMs: number,
): number {
  let [took, expected] = [0, 0];
  for (const { stage, ms } of planned) {
    const found = stateOf.get(stage);
    if (stage === NO_MEASURE || found === undefined) continue;
    const whole = wholeOf(found, nowMs);
    if (whole === null) continue;
    took += whole;
    expected += ms;
  }
  return took > 0 && expected > 0 ? took / expected : 1;
}

/** What a stage takes as a whole, as far as it can be told; null while it cannot. */
function wholeOf(stage: StageModel, nowMs: number): number | null {
  if (stage.state === 'done') return stage.spentMs;
  const left = reportedLeft(stage, nowMs);
  if (stage.state === 'waiting' || left === null) return null;
  return stage.spentMs + spentNow(stage, nowMs) + left;
}

function leftOf(
  stage: StageModel,
  expected: number | undefined,
  pace: number,
  nowMs: number,
): number | null {
  const reported = reportedLeft(stage, nowMs);
  if (reported !== null) return reported;
  if (expected === undefined) return null;
  return Math.max(0, pace * expected - stage.spentMs - spentNow(stage, nowMs));
}

/** What the stage itself said, less the time since. */
function reportedLeft({ etaMs, etaAtMs, done, total }: StageModel, nowMs: number): number | null {
  if (etaMs === null || etaAtMs === null || done >= total) return null;
  return Math.max(0, etaMs - Math.max(0, nowMs - etaAtMs));
}

function spentNow({ startedMs }: StageModel, nowMs: number): number {
  return startedMs === null ? 0 : Math.max(0, nowMs - startedMs);
}
