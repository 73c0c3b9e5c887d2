import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RunSnapshot } from '../../../src/dashboard/model/runSnapshot.ts';
import { PANEL_PROTOCOL, type PanelContent } from '../../../src/protocol/panelApi.ts';
import { firstSelection } from '../../../webview/selection.ts';
import { firstState, reduce, type State } from '../../../webview/store.ts';
import { evaluated, key, snapshotOf, stamped } from './recordedModel.ts';

const told = [evaluated(1, 0, 9), evaluated(2, 0, 8)];
const all = stamped([...told, evaluated(3, 1, 7, [2])]);

describe('the state of a dashboard', () => {
  it('holds the runs it was opened with, in their order', () => {
    const state = opened([snapshotOf(told, 'b'), snapshotOf([], 'a')]);
    assert.equal(state.phase, 'ready');
    assert.deepEqual(state.order, ['b', 'a']);
    assert.deepEqual(state.selection.runs, ['b', 'a']);
  });

  it('says what to do when it talks another version than its host', () => {
    const state = opened([snapshotOf(told)], { protocol: PANEL_PROTOCOL + 1 });
    assert.equal(state.phase, 'failed');
    assert.match(state.problem ?? '', /Reload the window/);
  });

  it('follows a run event by event, and takes none twice', () => {
    let state = opened([snapshotOf(told)]);
    state = tell(state, 2, all.slice(2));
    assert.equal(state.runs['r1']?.model.candidates.length, 3);
    const again = tell(state, 0, all);
    assert.equal(again, state);
  });

  it('wants everything again when events were missed, and changes nothing until it comes', () => {
    const gap = tell(opened([snapshotOf(told.slice(0, 1))]), 2, all.slice(2));
    assert.equal(gap.stale, true);
    assert.equal(gap.runs['r1']?.model.candidates.length, 1);
    assert.equal(tell(gap, 1, all.slice(1)), gap);
    const again = reduce(gap, { kind: 'content', content: content([snapshotOf(told)]) });
    assert.equal(again.stale, false);
  });

  it('takes no events back for a snapshot that they have overtaken', () => {
    const ahead = tell(opened([snapshotOf(told)]), 2, all.slice(2));
    const late = { ...snapshotOf(told), hasScores: true };
    const state = reduce(ahead, { kind: 'runSnapshot', run: 'r1', snapshot: late });
    assert.equal(state.runs['r1']?.model.candidates.length, 3);
    assert.equal(state.runs['r1']?.hasScores, true);
  });

  it('leaves out what is told of runs it does not show', () => {
    const state = opened([snapshotOf(told)]);
    const standing = { state: 'running', queuePlace: null, busyWith: null } as const;
    assert.equal(reduce(state, { kind: 'standing', run: 'other', standing }), state);
    assert.equal(reduce(state, { kind: 'runEvents', run: 'other', from: 0, events: all }), state);
  });

  it('selects what the host asks for once, and then what the user chooses', () => {
    let state = opened([snapshotOf(told)], { select: key(1) });
    assert.equal(state.selection.subnet, key(1));
    state = reduce(state, { kind: 'choose', chosen: { subnet: key(2) } });
    state = reduce(state, { kind: 'content', content: content([snapshotOf(told)], key(1)) });
    assert.equal(state.selection.subnet, key(2));
    state = reduce(state, { kind: 'select', run: 'r1', subnet: key(1) });
    assert.equal(state.selection.subnet, key(1));
  });

  it('is the same object when a choice changes nothing', () => {
    const state = opened([snapshotOf(told)]);
    assert.equal(reduce(state, { kind: 'choose', chosen: { tab: state.selection.tab } }), state);
  });

  it('remembers that the folder of a run is gone', () => {
    const state = reduce(opened([snapshotOf(told)]), { kind: 'runRemoved', run: 'r1' });
    assert.deepEqual(state.removed, ['r1']);
    assert.equal(reduce(state, { kind: 'runRemoved', run: 'r1' }), state);
  });
});

function content(
  runs: readonly RunSnapshot[],
  select: string | null = null,
): PanelContent<RunSnapshot> {
  return {
    ...{ protocol: PANEL_PROTOCOL, runs, standing: {}, palette: 'cividis' as const },
    ...{ canRun: true, whyNot: '', select },
  };
}

function opened(
  runs: readonly RunSnapshot[],
  other: Partial<PanelContent<RunSnapshot>> = {},
): State {
  const state = firstState(firstSelection);
  return reduce(state, { kind: 'content', content: { ...content(runs), ...other } });
}

function tell(state: State, from: number, events: typeof all): State {
  return reduce(state, { kind: 'runEvents', run: 'r1', from, events });
}
