import type { ComparisonContent } from '../../src/protocol/comparisonPanelApi.ts';

/** Where a comparison stands, as people are shown it: never by colour alone. */
export interface Standing {
  readonly kind: 'none' | 'queued' | 'running' | 'interrupted' | 'stopped' | 'failed' | 'finished';
  readonly word: string;
  readonly icon: string;
  readonly spins: boolean;
  readonly tone: 'quiet' | 'active' | 'good' | 'warning' | 'error';
  /** The button that applies. */
  readonly action: Action;
}

interface Action {
  readonly label: string;
  readonly icon: string;
  /** True for what leads on. */
  readonly leads: boolean;
  /** True for the end of a job, false for its begin. */
  readonly stops: boolean;
}

const stop: Action = { label: 'Stop', icon: 'debug-stop', leads: false, stops: true };
const run: Action = { label: 'Run', icon: 'play', leads: true, stops: false };
const goOn: Action = { label: 'Continue', icon: 'play', leads: true, stops: false };
const again: Action = { label: 'Run Again', icon: 'refresh', leads: false, stops: false };

const standings: Readonly<Record<Standing['kind'], Standing>> = {
  none: {
    ...{ kind: 'none', word: 'Not started', icon: 'circle-large' },
    ...look('quiet'),
    action: run,
  },
  queued: {
    ...{ kind: 'queued', word: 'In the queue', icon: 'clock' },
    ...look('quiet'),
    action: stop,
  },
  running: {
    ...{ kind: 'running', word: 'Running', icon: 'sync' },
    ...look('active', true),
    action: stop,
  },
  interrupted: {
    ...{ kind: 'interrupted', word: 'Interrupted', icon: 'warning' },
    ...look('warning'),
    action: goOn,
  },
  stopped: {
    ...{ kind: 'stopped', word: 'Stopped', icon: 'debug-pause' },
    ...look('warning'),
    action: goOn,
  },
  failed: { ...{ kind: 'failed', word: 'Failed', icon: 'error' }, ...look('error'), action: goOn },
  finished: {
    ...{ kind: 'finished', word: 'Finished', icon: 'pass-filled' },
    ...look('good'),
    action: again,
  },
};

/** What a comparison does now: its job counts more than what its table could tell. */
export function standingOf({ table, job }: ComparisonContent): Standing {
  if (job !== 'none') return standings[job];
  if (table === null) return standings.none;
  // A table that says so without a job was left by a process that was killed.
  return standings[table.state === 'running' ? 'interrupted' : table.state];
}

function look(tone: Standing['tone'], spins = false): Pick<Standing, 'tone' | 'spins'> {
  return { tone, spins };
}
