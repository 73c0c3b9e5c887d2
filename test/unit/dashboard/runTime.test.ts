import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { emptyRun, reduceRun, type RunModel } from '../../../src/dashboard/model/runModel.ts';
import { runTime } from '../../../src/dashboard/model/runTime.ts';
import type { RunEventBody } from '../../../src/protocol/runEvent.ts';

/** A model of events at moments, in seconds. */
function at(...events: readonly (readonly [seconds: number, body: RunEventBody])[]): RunModel {
  return reduceRun(
    emptyRun,
    events.map(([seconds, body], seq) => ({ ...body, seq, timeMs: seconds * 1000 })),
  );
}

const started: RunEventBody = { kind: 'runStarted', id: 'a', folder: '/a', resumed: false };
const plan: RunEventBody = {
  kind: 'stagesPlanned',
  stages: [
    { stage: 'import', ms: 1000 },
    { stage: 'calibrate', ms: 10_000 },
    { stage: 'search', ms: 100_000 },
    { stage: 'export', ms: 20_000 },
  ],
};
const begin = (stage: 'import' | 'calibrate' | 'search'): RunEventBody => ({
  kind: 'stageStarted',
  stage,
});
const end = (stage: 'import' | 'calibrate', ms: number): RunEventBody => ({
  kind: 'stageFinished',
  stage,
  ms,
});
const toCalibrated: readonly (readonly [number, RunEventBody])[] = [
  [0, started],
  [0, begin('import')],
  [5, plan],
  [5, end('import', 5000)],
  [5, begin('calibrate')],
  [25, end('calibrate', 20_000)],
];

describe('the time of a run', () => {
  it('is what is planned, while nothing was measured', () => {
    const model = at([0, started], [0, begin('import')], [1, plan]);
    const { elapsedMs, leftOfRunMs } = runTime(model, true, 1000);
    assert.equal(elapsedMs, 1000);
    // Of the import nothing is left; the other stages take what is planned.
    assert.equal(leftOfRunMs, 130_000);
  });

  it('is scaled by what finished stages took, the import left out', () => {
    const model = at(...toCalibrated, [25, begin('search')]);
    // Calibration took twice what was planned, so the search and the export will too.
    assert.equal(runTime(model, true, 25_000).leftOfRunMs, 200_000 + 40_000);
    assert.deepEqual(runTime(model, true, 25_000).leftOfStage, { stage: 'search', ms: 200_000 });
    assert.equal(runTime(model, true, 35_000).leftOfRunMs, 190_000 + 40_000);
  });

  it('believes what the stage says of itself, and goes on from there', () => {
    const model = at(
      ...toCalibrated,
      [25, begin('search')],
      [35, { kind: 'stageProgress', stage: 'search', done: 1, total: 10, etaMs: 90_000 }],
    );
    const now = runTime(model, true, 35_000);
    assert.deepEqual(now.leftOfStage, { stage: 'search', ms: 90_000 });
    // Calibration and search took 120 s of 110 s planned: the export takes 20 s · 120 / 110.
    assert.ok(Math.abs(now.leftOfRunMs! - (90_000 + (20_000 * 120) / 110)) < 1e-6);
    assert.equal(runTime(model, true, 45_000).leftOfStage!.ms, 80_000);
  });

  it('is that of the stage alone in logs of older versions', () => {
    const model = at(
      [0, started],
      [0, begin('search')],
      [10, { kind: 'stageProgress', stage: 'search', done: 1, total: 3, etaMs: 20_000 }],
    );
    const { leftOfRunMs, leftOfStage } = runTime(model, true, 10_000);
    assert.equal(leftOfRunMs, null);
    assert.deepEqual(leftOfStage, { stage: 'search', ms: 20_000 });
  });

  it('leaves pauses out, and the time after a process was killed', () => {
    const paused = at(
      [0, started],
      [0, begin('search')],
      [60, { kind: 'runStopped' }],
      [1000, { ...started, resumed: true }],
    );
    assert.equal(runTime(paused, true, 1_010_000).elapsedMs, 70_000);
    const killed = at(
      [0, started],
      [0, begin('search')],
      [40, { kind: 'stageProgress', stage: 'search', done: 1, total: 3, etaMs: null }],
      [5000, { ...started, resumed: true }],
    );
    assert.equal(runTime(killed, true, 5_002_000).elapsedMs, 42_000);
    const gone = at([0, started], [0, begin('search')], [7, begin('search')]);
    assert.equal(runTime(gone, false, 9_000_000).elapsedMs, 7000);
  });

  it('stops with the run', () => {
    const model = at([0, started], [0, begin('search')], [9, { kind: 'runFinished', ms: 9000 }]);
    assert.deepEqual(runTime(model, false, 1e9), {
      ...{ elapsedMs: 9000, leftOfRunMs: null, leftOfStage: null },
    });
  });
});
