import type { RunSnapshot } from '../../src/dashboard/model/runSnapshot.ts';
import type { PanelAction, RunStanding } from '../../src/protocol/panelApi.ts';
import type { RunState } from '../../src/protocol/runRecord.ts';

/** A state as people are shown it: never by colour alone. */
export interface StateWords {
  readonly word: string;
  readonly icon: string;
  readonly spins: boolean;
  readonly tone: 'quiet' | 'active' | 'good' | 'warning' | 'error';
}

/** The state of a run: what its host knows counts more than what its log could tell. */
export function stateOf(run: RunSnapshot, standing: RunStanding | undefined): RunState {
  return standing?.state ?? run.model.state;
}

/**
 * True for a run that stopped without saying so: its process was killed or crashed. Its own log then
 * still says that it runs, or the reader of its folder left a message.
 */
export function isInterrupted({ model }: RunSnapshot, now: RunState): boolean {
  return now === 'stopped' && (model.state === 'running' || model.message !== null);
}

/** The state of a run in the words a person is shown. */
export function shownState(
  run: RunSnapshot,
  standing: RunStanding | undefined,
): RunState | 'interrupted' {
  const now = stateOf(run, standing);
  return isInterrupted(run, now) ? 'interrupted' : now;
}

/** How a state is shown. @param place  in the queue, from 1 */
export function stateWords(state: RunState | 'interrupted', place: number | null): StateWords {
  switch (state) {
    case 'interrupted':
      return { word: 'Interrupted', icon: 'warning', spins: false, tone: 'warning' };
    case 'queued':
      return { word: queueWords(place), icon: 'clock', spins: false, tone: 'quiet' };
    case 'running':
      return { word: 'Running', icon: 'sync', spins: true, tone: 'active' };
    case 'stopped':
      return { word: 'Paused', icon: 'debug-pause', spins: false, tone: 'warning' };
    case 'failed':
      return { word: 'Failed', icon: 'error', spins: false, tone: 'error' };
    case 'finished':
      return { word: 'Finished', icon: 'pass-filled', spins: false, tone: 'good' };
  }
}

/** A button that applies to a run as it stands. */
export interface RunAction {
  readonly action: PanelAction;
  readonly label: string;
  readonly icon: string;
  /** True for the one that leads on. */
  readonly main: boolean;
}

/** What can be done with a run as it stands: the likeliest first. */
export function actionsFor(
  run: RunSnapshot,
  state: RunState,
  queued: boolean,
): readonly RunAction[] {
  const searched = run.model.stages.find(({ stage }) => stage === 'search')?.state === 'done';
  const canKeep = run.model.candidates.length > 0 && !searched;
  const keepBest: RunAction[] = canKeep
    ? [{ action: 'keepBest', label: 'Stop and Keep Best', icon: 'debug-stop', main: false }]
    : [];
  switch (state) {
    case 'queued':
      return queued ? [] : [{ action: 'run', label: 'Run', icon: 'play', main: true }];
    case 'running':
      return [{ action: 'pause', label: 'Pause', icon: 'debug-pause', main: false }, ...keepBest];
    case 'stopped':
    case 'failed':
      return [{ action: 'resume', label: 'Resume', icon: 'play', main: true }, ...keepBest];
    case 'finished':
      return [{ action: 'run', label: 'Run Again', icon: 'refresh', main: false }];
  }
}

function queueWords(place: number | null): string {
  if (place === null) return 'Not started';
  return place === 1 ? 'Next in the queue' : `Place ${place} in the queue`;
}
