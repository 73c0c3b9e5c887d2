import type { RunSnapshot } from '../../src/dashboard/model/runSnapshot.ts';
import type { State } from '../store.ts';

/** The runs of the page, in order; of the same name they are told apart by their time. */
export function comparedRuns(state: State): readonly RunSnapshot[] {
  const runs = state.order.flatMap((id) => state.runs[id] ?? []);
  const names = new Map<string, number>();
  return runs.map((run) => {
    const times = (names.get(run.head.name) ?? 0) + 1;
    names.set(run.head.name, times);
    if (times === 1) return run;
    return { ...run, head: { ...run.head, name: `${run.head.name} (${times})` } };
  });
}
