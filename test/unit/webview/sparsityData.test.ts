import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RunSnapshot } from '../../../src/dashboard/model/runSnapshot.ts';
import type { RunEventBody } from '../../../src/protocol/runEvent.ts';
import type { ExportReport } from '../../../src/protocol/runRecord.ts';
import {
  mapNames,
  type SparseMap,
  type SparsityRecord,
} from '../../../src/protocol/sparsityRecord.ts';
import { mapOrder } from '../../../webview/data/mapOrder.ts';
import { hasFurtherSteps, makesSparse, quantisedTo } from '../../../webview/data/sparseRun.ts';
import { blockValue, densitiesOf, valueOf } from '../../../webview/sparsity/densities.ts';
import { alongWords, errorWords, hardwareWords } from '../../../webview/sparsity/mapWords.ts';
import { cutWords, scoreHistogram } from '../../../webview/sparsity/scores.ts';
import { speedWords } from '../../../webview/sparsity/speedWords.ts';
import { spotWords } from '../../../webview/sparsity/spotWords.ts';
import { stepsOf } from '../../../webview/sparsity/steps.ts';
import { figure, snapshotOf, timing } from './recordedModel.ts';

const told: RunEventBody[] = [
  {
    ...{ kind: 'blockSparsified', block: 0 },
    maps: [
      { map: 'gate', kept: 50, size: 100 },
      { map: 'down', kept: 10, size: 50 },
    ],
  },
];

function runOf(bodies: readonly RunEventBody[], config: object = {}): RunSnapshot {
  const run = snapshotOf(bodies);
  return { ...run, head: { ...run.head, config: { ...config } } };
}

function mapAt(block: number, change: Partial<SparseMap> = {}): SparseMap {
  return {
    ...{ block, map: 'gate', rows: 10, columns: 10, kept: 40, offset: 0, along: 'inputs' },
    ...{ error: null, scores: null, ...change },
  };
}

function recordOf(...maps: readonly SparseMap[]): SparsityRecord {
  return { schemaVersion: 1, method: 'ours', pattern: '2:4', scope: 'mlp', maps: [...maps] };
}

describe('the densities of a run', () => {
  it('list maps in the order of the protocol', () => {
    assert.deepEqual(mapOrder, mapNames);
  });

  it('are those told so far, and those of the record where it is there', () => {
    const run = runOf(told);
    const live = densitiesOf(run, null);
    assert.deepEqual(live.maps, ['gate', 'down']);
    assert.deepEqual([live.blocks, live.cells.length, live.hasErrors], [1, 2, false]);
    assert.equal(valueOf(live.cells[0]!, 'kept'), 0.5);
    assert.equal(blockValue(live, 0, 'kept'), 60 / 150);
    const recorded = densitiesOf(run, recordOf(mapAt(0), mapAt(2)));
    assert.equal(recorded.blocks, 3);
    assert.equal(valueOf(recorded.cells[0]!, 'kept'), 0.4);
    assert.equal(recorded.cells[2], null);
    assert.equal(blockValue(recorded, 1, 'kept'), null);
  });

  it('tell what a refit left of the errors', () => {
    const error = { before: 0.2, after: 0.05 };
    const all = densitiesOf(runOf([]), recordOf(mapAt(0, { error }), mapAt(1)));
    assert.ok(all.hasErrors);
    assert.equal(valueOf(all.cells[0]!, 'error'), 0.25);
    assert.equal(valueOf(all.cells[1]!, 'error'), null);
  });

  it('stay bounded whatever a file says', () => {
    const wild = densitiesOf(runOf([]), recordOf(mapAt(4_000_000), mapAt(3, { rows: 0 })));
    assert.equal(wild.blocks, 4);
    assert.equal(valueOf(wild.cells[3]!, 'kept'), null);
  });

  it('are of a run that makes zeros, by its config or by what it told', () => {
    assert.ok(makesSparse(runOf(told)));
    assert.ok(makesSparse(runOf([], { sparsify: { method: 'dass' } })));
    assert.ok(!makesSparse(runOf([], { sparsify: { method: 'none' } })));
    assert.ok(!makesSparse(runOf([], { sparsify: 7 })));
    assert.equal(quantisedTo(runOf([], { export: { quantise: 'int4' } })), 'Quantised to int4');
  });
});

describe('words about zeros', () => {
  it('say along what weights competed, and what hardware could do with them', () => {
    assert.equal(
      alongWords('2:4', 'outputs'),
      '2 of 4 neighbours along the outputs, each input by itself',
    );
    assert.equal(alongWords('50%', 'inputs'), '50% of zeros, compared along the inputs');
    assert.match(hardwareWords(8, 0), /^In the form/);
    assert.match(hardwareWords(8, 1234), /^Not .* 1,234 of its groups/);
    assert.match(hardwareWords(10, 0), /^Not .* no multiple of four/);
    assert.equal(errorWords(0.0001), '<0.1%');
  });

  it('name a weight and its group, or those under one mark', () => {
    // Rows 0 to 3 of 8 columns: 1100…, 0011…, then all, then none.
    const plane = { rows: 4, columns: 8, bits: Uint8Array.of(0x33, 0xcc, 0xff, 0x00) };
    const inputs = { size: 4, along: 'inputs' } as const;
    const outputs = { size: 4, along: 'outputs' } as const;
    const spot = { row: 0, column: 1, cells: 1 };
    assert.equal(spotWords(plane, spot, inputs), 'Row 0, column 1: kept; its group keeps 2 of 4');
    assert.equal(
      spotWords(plane, { ...spot, row: 3 }, outputs),
      'Row 3, column 1: removed; its group keeps 2 of 4',
    );
    assert.equal(spotWords(plane, spot, { ...inputs, size: 0 }), 'Row 0, column 1: kept');
    const several = spotWords(plane, { row: 2, column: 4, cells: 4 }, inputs);
    assert.equal(several, 'Rows 0 to 3, columns 2 to 5: 50% kept');
  });

  it('say what was measured of the speed, and what was not', () => {
    const base: RunEventBody = {
      kind: 'figure',
      name: 'searched',
      figure: { ...figure(9, 1000), timing: timing(1) },
    };
    const slower = { ...figure(10, 1000), timing: timing(1.2) };
    const sparse: RunEventBody = { kind: 'figure', name: 'sparse', figure: slower };
    const report: ExportReport = {
      ...{ form: 'compressed', path: 'x', bytes: 1_250_000, verified: null, loadable: null },
      ...{ prefillMs: null, decodeMs: null },
    };
    assert.match(speedWords(runOf([base])), /they save space on disk, not time\.$/);
    const words = speedWords(runOf([base, sparse, { kind: 'exported', report }]));
    assert.match(
      words,
      /reads a prompt 1\.20× slower than the searched one, and decodes a token 1\.20×/,
    );
    const level: RunEventBody = { ...sparse, figure: { ...slower, timing: timing(1.01) } };
    assert.match(speedWords(runOf([base, level])), /reads a prompt as fast as the searched one/);
    const old: RunEventBody = { ...sparse, figure: figure(10, 1000) };
    assert.match(speedWords(runOf([base, old])), /they save space on disk, not time\.$/);
    assert.match(words, /takes 1\.25.MB, indices included/);
  });
});

describe('the histogram of scores', () => {
  it('marks the bins in which groups decided', () => {
    const shown = scoreHistogram({ from: -2, to: 2, kept: [0, 5, 9, 4], removed: [3, 5, 1, 0] });
    assert.deepEqual(shown.shared, { from: 1, to: 2 });
    assert.deepEqual([shown.from, shown.to, shown.most], [0.01, 100, 10]);
    assert.match(cutWords(shown), /holds 74% of the weights/);
  });

  it('marks the border of a sharp cut', () => {
    const bars = { from: 0, to: 1, kept: [0, 0, 9, 4], removed: [300, 50, 0, 0] };
    const shown = scoreHistogram(bars);
    assert.deepEqual(shown.shared, { from: 1, to: 2 });
    const few = { ...bars, kept: [0, 0, 5, 999], removed: [999, 5, 0, 0] };
    assert.match(cutWords(scoreHistogram(few)), /^One threshold/);
  });

  it('takes lists of different lengths, or of none', () => {
    assert.equal(scoreHistogram({ from: 0, to: 1, kept: [1], removed: [] }).removed.length, 1);
    assert.equal(scoreHistogram({ from: 0, to: 1, kept: [], removed: [] }).shared, null);
  });
});

describe('the steps of a run', () => {
  const dense: RunEventBody = { kind: 'figure', name: 'dense', figure: figure(8, 400) };
  const random: RunEventBody = { kind: 'figure', name: 'random', figure: figure(99, 300) };
  const sparse: RunEventBody = { kind: 'figure', name: 'sparse', figure: figure(9, 400) };
  const quantised: RunEventBody = { kind: 'figure', name: 'quantised', figure: figure(9, 400) };

  it('count the weights that are not zero, of those of the dense model', () => {
    const steps = stepsOf(runOf([dense, random, ...told, sparse, quantised]));
    // Of 200 block parameters 50 and 40 are zero.
    assert.deepEqual(
      steps.map(({ name, keptShare }) => [name, keptShare]),
      [
        ['dense', 1],
        ['sparse', 0.55],
        ['quantised', 0.55],
      ],
    );
    const integersOnly = stepsOf(runOf([dense, quantised]));
    assert.equal(integersOnly.at(-1)?.keptShare, 1);
    assert.equal(stepsOf(runOf([dense, sparse])).at(-1)?.keptShare, null);
  });

  it('are shown of runs that go further than their subnet', () => {
    assert.ok(hasFurtherSteps(runOf([dense, sparse])));
    assert.ok(!hasFurtherSteps(runOf([dense, random])));
  });
});
