import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { RunEventBody } from '../../../src/protocol/runEvent.ts';
import { qualityRange, qualityShapes } from '../../../webview/charts/qualityChart.ts';
import { outcomeOf, paretoFront, qualityPoints } from '../../../webview/data/quality.ts';
import { heldOutOf, subnetRows } from '../../../webview/data/subnetRows.ts';
import { evaluated, figure, key, snapshotOf } from './recordedModel.ts';

const measured: RunEventBody[] = [
  { kind: 'figure', name: 'dense', figure: figure(20, 100) },
  { kind: 'figure', name: 'random', figure: figure(9000, 70) },
  { kind: 'figure', name: 'searched', figure: figure(48, 70) },
  { kind: 'figure', name: 'reformed', figure: figure(34, 70) },
];
const report: RunEventBody = {
  kind: 'subnetReported',
  report: { key: key(2), figure: figure(60, 60), reformed: figure(40, 60), exports: [] },
};

it('draws the figures of the run and those of its subnets', () => {
  const run = { ...snapshotOf([...measured, report]), masks: { searched: key(1) } };
  const points = qualityPoints(run).map(({ label, kind, key: of }) => [label, kind, of]);
  assert.deepEqual(points, [
    ['Dense', 'dense', null],
    ['Random', 'random', null],
    ['Searched', 'searched', key(1)],
    ['Reformed', 'reformed', key(1)],
    ['00000000', 'subnet', key(2)],
    ['00000000 reformed', 'subnetReformed', key(2)],
  ]);
});

it('has on its front what nothing beats in both size and perplexity', () => {
  const points = qualityPoints(snapshotOf([...measured, report]));
  const front = paretoFront(points, 'params').map(({ figure: { perplexity } }) => perplexity!);
  assert.deepEqual(front, [40, 34, 20]);
  for (const point of points) {
    const beaten = points.some(
      ({ figure: other }) =>
        other.params <= point.figure.params &&
        other.perplexity! <= point.figure.perplexity! &&
        (other.params < point.figure.params || other.perplexity! < point.figure.perplexity!),
    );
    assert.equal(front.includes(point.figure.perplexity!), !beaten);
  }
});

it('draws no two kinds of model alike', () => {
  const shapes = Object.values(qualityShapes);
  assert.equal(new Set(shapes).size, shapes.length);
  // A ring is what marks the selected point.
  assert.ok(!shapes.includes('ring'));
});

it('ends with the last step that was measured, never with a control', () => {
  assert.equal(outcomeOf(snapshotOf(measured))?.name, 'reformed');
  assert.equal(outcomeOf(snapshotOf(measured.slice(0, 3)))?.name, 'searched');
  assert.equal(outcomeOf(snapshotOf(measured.slice(0, 1))), null);
  const further: RunEventBody[] = [
    { kind: 'figure', name: 'sparse', figure: figure(36, 40) },
    { kind: 'figure', name: 'quantised', figure: figure(37, 40) },
  ];
  assert.equal(outcomeOf(snapshotOf([...measured, ...further]))?.name, 'quantised');
  assert.equal(outcomeOf(snapshotOf([...measured, ...further.slice(0, 1)]))?.name, 'sparse');
});

it('lists a subnet once, with all that is known of it', () => {
  const bodies = [evaluated(1, 0, 9), evaluated(2, 0, 8), ...measured, report];
  const run = { ...snapshotOf(bodies), masks: { searched: key(1), random: key(7) } };
  const rows = subnetRows(run);
  assert.deepEqual(
    rows.map((row) => [row.key, row.names, heldOutOf(row)]),
    [
      [key(1), ['searched'], 34],
      [key(2), [], 40],
      [key(7), ['random'], 9000],
    ],
  );
});

it('leaves a random subnet at the edge when it would flatten the others', () => {
  const points = (random: number) =>
    qualityPoints(
      snapshotOf([
        { kind: 'figure', name: 'dense', figure: figure(2.55, 100) },
        { kind: 'figure', name: 'random', figure: figure(random, 70) },
        { kind: 'figure', name: 'searched', figure: figure(2.79, 70) },
      ]),
    );
  // Twice as bad is enough: the others lie within a tenth of that.
  assert.ok(qualityRange(points(5.3)).max < 3.2);
  assert.ok(qualityRange(points(2.85)).max >= 2.85);
});
