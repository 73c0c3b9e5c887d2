import assert from 'node:assert/strict';
import { it } from 'node:test';
import { actionsFor, shownState, stateOf, stateWords } from '../../../webview/views/runState.ts';
import { evaluated, snapshotOf } from './recordedModel.ts';

const searching = snapshotOf([
  { kind: 'runStarted', id: 'r1', folder: '/r1', resumed: false },
  { kind: 'stageStarted', stage: 'search' },
  evaluated(1, 0, 9),
]);
const young = snapshotOf([{ kind: 'runStarted', id: 'r1', folder: '/r1', resumed: false }]);

it('offers only what applies to a run as it stands', () => {
  const names = (...args: Parameters<typeof actionsFor>): string =>
    actionsFor(...args)
      .map(({ action }) => action)
      .join();
  assert.equal(names(young, 'running', false), 'pause');
  assert.equal(names(searching, 'running', false), 'pause,keepBest');
  assert.equal(names(searching, 'stopped', false), 'resume,keepBest');
  assert.equal(names(searching, 'failed', false), 'resume,keepBest');
  assert.equal(names(searching, 'finished', false), 'run');
  assert.equal(names(young, 'queued', true), '');
  assert.equal(names(young, 'queued', false), 'run');
});

it('says each state in words of its own', () => {
  const states = ['queued', 'running', 'stopped', 'interrupted', 'failed', 'finished'] as const;
  const shown = states.map((state) => stateWords(state, null));
  assert.equal(new Set(shown.map(({ word }) => word)).size, states.length);
  assert.equal(new Set(shown.map(({ icon }) => icon)).size, states.length);
  assert.equal(stateWords('queued', 3).word, 'Place 3 in the queue');
});

it('believes the host before the log', () => {
  const standing = { state: 'stopped', queuePlace: null, busyWith: null } as const;
  assert.equal(stateOf(searching, standing), 'stopped');
  assert.equal(stateOf(searching, undefined), 'running');
});

it('tells a run that was paused from one whose process is gone', () => {
  const standing = { state: 'stopped', queuePlace: null, busyWith: null } as const;
  assert.equal(shownState(searching, standing), 'interrupted');
  const paused = snapshotOf([
    { kind: 'runStarted', id: 'r1', folder: '/r1', resumed: false },
    { kind: 'runStopped' },
  ]);
  assert.equal(shownState(paused, standing), 'stopped');
});
