import assert from 'node:assert/strict';
import { it } from 'node:test';
import { searchCounts } from '../../../src/dashboard/model/searchCounts.ts';
import { evaluated, generationFinished, snapshotOf } from '../webview/recordedModel.ts';

const config = { search: { generations: 8 } };

it('counts a subnet that was met again once, and the initial subnets as generation 0', () => {
  const { model } = snapshotOf([
    { kind: 'stageStarted', stage: 'search' },
    evaluated(1, 0, 5),
    evaluated(2, 0, 6),
    { kind: 'stageProgress', stage: 'search', done: 3, total: 217, etaMs: null },
    generationFinished(0, 5),
    evaluated(1, 1, 5),
    evaluated(3, 1, 4),
    generationFinished(1, 4),
  ]);
  assert.deepEqual(searchCounts(model, config), {
    ...{ judged: 3, planned: 217, generation: 1, generations: 8 },
  });
});

it('says nothing of what a run has not said', () => {
  const { model } = snapshotOf([]);
  assert.deepEqual(searchCounts(model, {}), {
    ...{ judged: 0, planned: null, generation: null, generations: null },
  });
});
