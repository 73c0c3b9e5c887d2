import { hasGap, reduceRun } from '../src/dashboard/model/runModel.ts';
import type { RunSnapshot } from '../src/dashboard/model/runSnapshot.ts';
import {
  PANEL_PROTOCOL,
  type ConfigView,
  type PanelContent,
  type RunStanding,
} from '../src/protocol/panelApi.ts';
import type { RunEvent, UnknownRunEvent } from '../src/protocol/runEvent.ts';
import type { Selection } from './selection.ts';

/** Everything the dashboard shows. */
export interface State {
  readonly phase: 'loading' | 'ready' | 'failed';
  /** Why it failed; null otherwise. */
  readonly problem: string | null;
  /** Ids of the runs, in the order they are shown. */
  readonly order: readonly string[];
  readonly runs: Readonly<Record<string, RunSnapshot>>;
  readonly standing: Readonly<Record<string, RunStanding>>;
  readonly configs: Readonly<Record<string, ConfigView>>;
  /** Runs whose folder is gone. */
  readonly removed: readonly string[];
  readonly palette: 'cividis' | 'viridis' | 'greys';
  readonly canRun: boolean;
  readonly whyNot: string;
  /** True when events were missed: everything has to be asked for again. */
  readonly stale: boolean;
  readonly selection: Selection;
}

/** What can happen to the state. */
export type Change =
  | { readonly kind: 'content'; readonly content: PanelContent<RunSnapshot> }
  | {
      readonly kind: 'runEvents';
      readonly run: string;
      readonly from: number;
      readonly events: readonly (RunEvent | UnknownRunEvent)[];
    }
  | { readonly kind: 'runSnapshot'; readonly run: string; readonly snapshot: RunSnapshot }
  | { readonly kind: 'standing'; readonly run: string; readonly standing: RunStanding }
  | { readonly kind: 'configChanged'; readonly run: string; readonly config: ConfigView }
  | { readonly kind: 'runRemoved'; readonly run: string }
  | { readonly kind: 'select'; readonly run: string; readonly subnet: string }
  | { readonly kind: 'choose'; readonly chosen: Partial<Selection> }
  | { readonly kind: 'failed'; readonly problem: string };

/** The state before the host has answered. */
export function firstState(selection: Selection): State {
  return {
    phase: 'loading',
    problem: null,
    order: [],
    runs: {},
    standing: {},
    configs: {},
    removed: [],
    palette: 'cividis',
    canRun: false,
    whyNot: '',
    stale: false,
    selection,
  };
}

/** The state after a change; the same object when nothing is different. */
export function reduce(state: State, change: Change): State {
  switch (change.kind) {
    case 'content':
      return opened(state, change.content);
    case 'runEvents': {
      const run = state.runs[change.run];
      if (run === undefined || state.stale) return state;
      if (hasGap(run.model, change.from)) return { ...state, stale: true };
      const model = reduceRun(run.model, change.events);
      if (model === run.model) return state;
      return { ...state, runs: { ...state.runs, [change.run]: { ...run, model } } };
    }
    case 'runSnapshot': {
      const run = state.runs[change.run];
      // A snapshot that was overtaken by events would take them back.
      if (run === undefined) return state;
      const older = change.snapshot.model.nextSeq < run.model.nextSeq;
      const snapshot = older ? { ...change.snapshot, model: run.model } : change.snapshot;
      return { ...state, runs: { ...state.runs, [change.run]: snapshot } };
    }
    case 'standing':
      if (state.runs[change.run] === undefined) return state;
      return { ...state, standing: { ...state.standing, [change.run]: change.standing } };
    case 'configChanged':
      return { ...state, configs: { ...state.configs, [change.run]: change.config } };
    case 'runRemoved':
      if (state.removed.includes(change.run)) return state;
      return { ...state, removed: [...state.removed, change.run] };
    case 'select':
      return choose(state, {
        ...{ subnet: change.subnet, told: change.subnet },
        tab: tabFor(state.selection.tab),
      });
    case 'choose':
      return choose(state, change.chosen);
    case 'failed':
      return { ...state, phase: 'failed', problem: change.problem, stale: false };
  }
}

/** The run a dashboard of one run is about; the first of those compared. */
export function firstRun(state: State): RunSnapshot | undefined {
  const [id] = state.order;
  return id === undefined ? undefined : state.runs[id];
}

function opened(state: State, content: PanelContent<RunSnapshot>): State {
  if (content.protocol !== PANEL_PROTOCOL) {
    const problem = `This dashboard is of version ${PANEL_PROTOCOL}, the extension of version ${content.protocol}. Reload the window.`;
    return { ...state, phase: 'failed', problem, stale: false };
  }
  const order = content.runs.map(({ head }) => head.id);
  const { select } = content;
  const asked =
    select !== null && select !== state.selection.told ? { subnet: select, told: select } : {};
  return {
    ...state,
    phase: 'ready',
    problem: null,
    order,
    runs: Object.fromEntries(content.runs.map((run) => [run.head.id, run])),
    standing: content.standing,
    removed: [],
    palette: content.palette,
    canRun: content.canRun,
    whyNot: content.whyNot,
    stale: false,
    selection: { ...state.selection, ...asked, runs: order },
  };
}

function choose(state: State, chosen: Partial<Selection>): State {
  const differs = Object.entries(chosen).some(
    ([name, value]) => !Object.is(state.selection[name as keyof Selection], value),
  );
  return differs ? { ...state, selection: { ...state.selection, ...chosen } } : state;
}

/** Where a subnet that was chosen elsewhere can be seen. */
function tabFor(tab: Selection['tab']): Selection['tab'] {
  return tab === 'masks' ? 'masks' : 'overview';
}
