import assert from 'node:assert/strict';
import { it } from 'node:test';
import { durationText, storyLine } from '../../../src/protocol/runStory.ts';
import type { RunEventBody } from '../../../src/protocol/runEvent.ts';
import type { Figure } from '../../../src/protocol/runRecord.ts';

const figure: Figure = {
  ...{ params: 1_837_184, blockParams: 1_572_864, perplexity: 2.9752, bytes: 3_747_159 },
  ...{ prefillMs: 91, decodeMs: 3, peakBytes: null },
};

const cases: readonly (readonly [RunEventBody, string | null])[] = [
  [{ kind: 'runStarted', id: 'a', folder: '/a', resumed: true }, 'The run was resumed.'],
  [{ kind: 'stageStarted', stage: 'search' }, 'Search started.'],
  [{ kind: 'stageFinished', stage: 'search', ms: 609_000 }, 'Search finished after 10 min 9 s.'],
  [
    {
      ...{ kind: 'generationFinished', generation: 3, best: 20.3712, median: 21.2 },
      ...{ quartiles: [20, 22], survivors: [], ms: 63_000 },
    },
    'Generation 3: best 20.37, median 21.2, after 1 min 3 s.',
  ],
  [
    { kind: 'figure', name: 'sparse', figure },
    'Sparse: held-out perplexity 2.975, 1.84 M parameters, 3.75 MB.',
  ],
  [
    {
      kind: 'exported',
      report: {
        ...{ form: 'onnx', path: '/x', bytes: 3_747_159, loadable: null },
        ...{ prefillMs: null, decodeMs: null },
        verified: { maxDifference: 0.0034, tolerance: 0.12, tokens: 96 },
      },
    },
    'ONNX model exported: 3.75 MB, verified on 96 tokens.',
  ],
  [
    {
      kind: 'subnetStarted',
      key: '0123456789abcdef',
      reform: true,
      evaluate: true,
      forms: ['onnx'],
    },
    'Reform, evaluation and export of subnet 01234567 started.',
  ],
  [
    {
      kind: 'subnetReported',
      report: { key: '0123456789abcdef', figure: null, reformed: figure, exports: [] },
    },
    'Subnet 01234567: reformed: held-out perplexity 2.975, 1.84 M parameters, 3.75 MB.',
  ],
  [
    {
      kind: 'stagesPlanned',
      stages: [
        { stage: 'import', ms: 1000 },
        { stage: 'search', ms: 120_000 },
      ],
    },
    'Planned: Import 1.0 s, Search 2 min 0 s. Expected to take about 2 min 1 s.',
  ],
  [{ kind: 'stageProgress', stage: 'search', done: 1, total: 2, etaMs: null }, null],
];

for (const [event, text] of cases) {
  it(`says of ${event.kind}: ${text ?? 'nothing'}`, () => {
    assert.equal(storyLine(event)?.text ?? null, text);
  });
}

it('warns of what failed as an error', () => {
  const line = storyLine({ kind: 'runFailed', code: 'disk', message: 'The disk is full.' });
  assert.deepEqual(line, { level: 'error', text: 'The run failed. The disk is full.' });
});

it('gives a length of time in the two units that matter', () => {
  assert.deepEqual([400, 42_400, 3_723_000].map(durationText), ['0.4 s', '42 s', '1 h 02 min']);
});
