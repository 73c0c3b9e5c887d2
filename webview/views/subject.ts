import type { RunSnapshot } from '../../src/dashboard/model/runSnapshot.ts';
import { SearchProgress } from '../data/searchProgress.ts';
import { firstRun, type State } from '../store.ts';

/** The subnet a dashboard is about. */
export interface Subject {
  readonly run: RunSnapshot;
  readonly key: string;
  /** False when nobody chose it: it is the best there is. */
  readonly chosen: boolean;
}

/** @returns finds the selected subnet; while none is, the best so far; null before there is one */
export function createSubject(): (state: State) => Subject | null {
  const progress = new SearchProgress();
  return (state) => {
    const run = firstRun(state);
    if (run === undefined) return null;
    progress.update(run.model.candidates);
    const { subnet } = state.selection;
    const key = subnet ?? run.masks.searched ?? progress.best?.key ?? null;
    return key === null ? null : { run, key, chosen: subnet !== null };
  };
}
