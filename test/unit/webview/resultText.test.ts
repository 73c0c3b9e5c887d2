import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { RunEventBody } from '../../../src/protocol/runEvent.ts';
import { resultText } from '../../../webview/data/resultText.ts';
import { scoreUnit } from '../../../webview/data/scoreUnit.ts';
import { timeWords } from '../../../webview/views/headerView.ts';
import { progressWords } from '../../../webview/views/workView.ts';
import { figure, key, snapshotOf } from './recordedModel.ts';

const started: RunEventBody = { kind: 'runStarted', id: 'r1', folder: '/r1', resumed: false };
const ended: RunEventBody[] = [
  started,
  { kind: 'figure', name: 'dense', figure: figure(20, 100_000) },
  { kind: 'figure', name: 'random', figure: figure(9000, 70_000) },
  { kind: 'figure', name: 'searched', figure: figure(25, 70_000) },
  { kind: 'runFinished', ms: 4000 },
];

it('says what came out of a run beside the dense model, with size and time', () => {
  assert.equal(
    resultText(snapshotOf(ended)),
    'Searched: held-out perplexity 25.00 (dense 20.00, +25%), size 140\u00a0kB (dense 200\u00a0kB, −30%), time 0:04.',
  );
  assert.equal(resultText(snapshotOf([started])), '');
});

it('says how long a run has taken, and how long all of it will still take', () => {
  const running = snapshotOf([
    started,
    {
      kind: 'stagesPlanned',
      stages: [
        { stage: 'search', ms: 60_000 },
        { stage: 'evaluate', ms: 240_000 },
      ],
    },
    { kind: 'stageStarted', stage: 'search' },
    { kind: 'stageProgress', stage: 'search', done: 1, total: 2, etaMs: 60_000 },
  ]);
  // The search has a minute left, and evaluation will take four.
  const words = timeWords(running, 'running', running.model.lastMs!);
  assert.match(words, /^0:03 elapsed · run: [4-9]\u00a0min left$/);
  assert.equal(timeWords(snapshotOf(ended), 'finished', 1e9), 'took 0:04');
  assert.equal(timeWords(snapshotOf([]), 'queued', 1e9), '');
  // A process that is gone has nothing left to do.
  assert.equal(timeWords(running, 'stopped', 1e12), '0:03 elapsed');
});

it('shows the progress of work on a subnet, then its result', () => {
  const bodies: RunEventBody[] = [
    ...ended,
    { kind: 'subnetStarted', key: key(7), reform: true, evaluate: false, forms: ['onnx'] },
    { kind: 'stageStarted', stage: 'reform' },
    { kind: 'stageProgress', stage: 'reform', done: 3, total: 8, etaMs: 5000 },
  ];
  const { work } = snapshotOf(bodies).model;
  assert.equal(progressWords(work!, work!.startedMs + 65_000), 'Reform, 37% · 1:05 elapsed');
  const report = { key: key(7), figure: null, reformed: figure(24, 70_000), exports: [] };
  const after = snapshotOf([...bodies, { kind: 'subnetReported', report }]).model.work;
  assert.match(after!.result!, /reformed: held-out perplexity 24/);
});

it('names the unit of scores, also for configs of other versions', () => {
  const units = ['energy', 'obs', 'wanda', 'magnitude'].map((score) =>
    scoreUnit({ importance: { score } }),
  );
  assert.equal(new Set(units).size, 4);
  assert.ok(!units.includes('score'));
  assert.equal(scoreUnit({}), 'score');
  assert.equal(scoreUnit({ importance: { score: 'other' } }), 'score');
});
