import type { RunEvent, UnknownRunEvent } from '../../protocol/runEvent.ts';
import { reportText, workText } from '../../protocol/runStory.ts';
import type { StageName } from '../../protocol/runWords.ts';

/** Work on one subnet of a run that has ended: reform, evaluation, export. */
export interface SubnetWork {
  /** Null in logs of older versions, until it has a result. */
  readonly key: string | null;
  /** What is being done, in a few words. */
  readonly title: string;
  readonly stage: StageName | null;
  readonly done: number;
  readonly total: number;
  /** Milliseconds since 1970. */
  readonly startedMs: number;
  /** What came out, in a sentence; null until then. */
  readonly result: string | null;
}

/** The work after one more event of the log; only of a run that does not run. */
export function afterWork(
  work: SubnetWork | null,
  event: RunEvent | UnknownRunEvent,
): SubnetWork | null {
  switch (event.kind) {
    case 'subnetStarted':
      return { ...begun(event.timeMs), key: event.key, title: workText(event) };
    case 'stageStarted': {
      const current = work === null || work.result !== null ? begun(event.timeMs) : work;
      return { ...current, stage: event.stage, done: 0, total: 0 };
    }
    case 'stageProgress':
      return work === null ? null : { ...work, done: event.done, total: event.total };
    case 'subnetReported': {
      const { key } = event.report;
      const current = work ?? begun(event.timeMs);
      return { ...current, key, stage: null, result: reportText(event.report) };
    }
    default:
      return work;
  }
}

function begun(startedMs: number): SubnetWork {
  return {
    ...{ key: null, title: 'Work on a subnet', stage: null, done: 0, total: 0 },
    ...{ startedMs, result: null },
  };
}
