import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { unitLayout } from '../../../src/protocol/unitLayout.ts';
import {
  bitAt,
  countBits,
  expandBits,
  expandChange,
  gainedBits,
  xorBits,
} from '../../../webview/heatmap/bitPlanes.ts';
import {
  changeShares,
  keptShares,
  meanShares,
  overviewColumns,
} from '../../../webview/heatmap/groups.ts';
import { histogram, sortedWithin } from '../../../webview/heatmap/histogram.ts';
import { changeLevels, changeOf, levelFor, meanLevels } from '../../../webview/heatmap/mips.ts';
import { bandsOf, spanOf, unitAt } from '../../../webview/heatmap/units.ts';
import { model, randomBits, setBits } from './heatmapFixture.ts';

const layout = unitLayout(model);

describe('planes of bits', () => {
  it('count the same as reading bit by bit, for every start and end', () => {
    const bits = randomBits(layout, 3);
    for (let layer = 0; layer < layout.layers; layer++) {
      for (let start = 0; start < layout.perLayer; start += 3) {
        let ones = 0;
        for (let end = start; end <= layout.perLayer; end++) {
          assert.equal(countBits(bits, layout, layer, start, end), ones);
          if (end < layout.perLayer && bitAt(bits, layout, layer, end)) ones++;
        }
      }
    }
  });

  it('tell what differs and what was gained', () => {
    const subject = setBits(layout, [
      [0, 1],
      [1, 9],
    ]);
    const reference = setBits(layout, [
      [0, 1],
      [1, 4],
    ]);
    assert.deepEqual(
      xorBits(subject, reference),
      setBits(layout, [
        [1, 4],
        [1, 9],
      ]),
    );
    assert.deepEqual(gainedBits(subject, reference), setBits(layout, [[1, 9]]));
    const change = expandChange(subject, reference, layout, 1);
    assert.deepEqual([change[4], change[9], change[10]], [0, 255, 128]);
    assert.deepEqual([...expandBits(subject, layout, 0).subarray(0, 3)], [0, 255, 0]);
  });
});

describe('units of a block', () => {
  it('stand in bands that cover it once, in the order of the layout', () => {
    const bands = bandsOf(layout);
    let next = 0;
    for (const { start, end } of bands) {
      assert.equal(start, next);
      next = end;
    }
    assert.equal(next, layout.perLayer);
    for (const band of bands) {
      assert.deepEqual(unitAt(layout, band.start), { kind: band.kind, head: band.head, index: 0 });
      const last = { kind: band.kind, head: band.head, index: band.end - band.start - 1 };
      assert.deepEqual(unitAt(layout, band.end - 1), last);
    }
    assert.equal(spanOf(layout, 'vo').start, layout.kvHeads * layout.qkUnits);
  });
});

describe('columns of the overview', () => {
  it('put query/key and value/output of a head side by side, then groups of neurons', () => {
    const columns = overviewColumns(layout, 4);
    assert.deepEqual(
      columns.map(({ kind, head }) => `${kind}${head}`),
      ['qk0', 'vo0', 'qk1', 'vo1', 'mlp-1', 'mlp-1', 'mlp-1', 'mlp-1'],
    );
    const neurons = columns.filter(({ kind }) => kind === 'mlp');
    assert.equal(neurons[0]!.end - neurons[0]!.start, Math.ceil(model.intermediate / 4));
    assert.equal(neurons.at(-1)!.end, layout.perLayer);
  });

  it('hold the share of set bits, and of a layer over all its units', () => {
    const columns = overviewColumns(layout, 4);
    const head1 = columns.findIndex(({ kind, head }) => kind === 'vo' && head === 1);
    const { start, end } = columns[head1]!;
    const units = Array.from({ length: (end - start) / 2 }, (_, i) => [1, start + i] as const);
    const shares = keptShares(setBits(layout, units), layout, columns);
    assert.equal(shares.cells[columns.length + head1], 0.5);
    assert.equal(shares.cells[head1], 0);
    assert.ok(Math.abs(shares.layers[1]! - units.length / layout.perLayer) < 1e-6);
  });

  it('hold means of bytes, and gains less losses', () => {
    const columns = overviewColumns(layout, 4);
    const plane = new Uint8Array(layout.layers * layout.perLayer).fill(51);
    assert.ok(meanShares(plane, layout, columns).cells.every((v) => Math.abs(v - 0.2) < 1e-6));
    const none = setBits(layout, []);
    const one = setBits(layout, [[2, 0]]);
    assert.equal(changeShares(one, none, layout, columns).cells[2 * columns.length], 1 / 4);
    assert.equal(changeShares(none, one, layout, columns).cells[2 * columns.length], -1 / 4);
  });
});

describe('levels of a row', () => {
  it('halve it, an odd last cell standing alone', () => {
    const levels = meanLevels(Uint8Array.of(0, 255, 100, 100, 7));
    assert.deepEqual(
      levels.map((level) => [...level]),
      [[0, 255, 100, 100, 7], [128, 100, 7], [114, 7], [61]],
    );
  });

  it('never lose a change among many', () => {
    const row = new Uint8Array(4096).fill(128);
    row[1234] = 0;
    for (const level of changeLevels(row)) assert.ok(level.some((value) => value < 128));
    assert.equal(changeOf(128, 128, 128), 128);
    assert.notEqual(changeOf(128, 0, 255), 128);
    assert.deepEqual([changeOf(255, 255, 255), changeOf(0, 0, 0)], [255, 0]);
  });

  it('are chosen so that a cell takes a pixel at least', () => {
    for (const width of [0.01, 0.03, 0.25, 0.5, 0.7, 0.999, 1, 3]) {
      const level = levelFor(width, 32);
      assert.ok(width * 2 ** level >= 1 - 1e-6, `${width}`);
      if (level > 0) assert.ok(width * 2 ** (level - 1) < 1, `${width}`);
    }
  });
});

describe('a histogram of scores', () => {
  it('counts every finite score of its range once, kept and removed apart', () => {
    const scores = Float32Array.of(1, 2, 3, 4, Number.NaN, 100);
    const kept = Uint8Array.of(255, 0, 255, 255, 255, 255);
    const counts = histogram(scores, kept, 0, 5, 3);
    assert.deepEqual([...counts.kept], [1, 0, 2]);
    assert.deepEqual([...counts.removed], [0, 1, 0]);
    assert.deepEqual([counts.from, counts.to, counts.most, counts.logarithmic], [1, 4, 2, false]);
  });

  it('is logarithmic where scores span powers of ten, and bears equal scores', () => {
    const kept = new Uint8Array(4).fill(255);
    const wide = histogram(Float32Array.of(1, 10, 100, 1000), kept, 0, 4, 3);
    assert.deepEqual([wide.logarithmic, [...wide.kept]], [true, [1, 1, 2]]);
    assert.deepEqual([...histogram(new Float32Array(4), kept, 0, 4, 3).kept], [4, 0, 0]);
    assert.equal(histogram(new Float32Array(4).fill(Number.NaN), kept, 0, 4, 3).most, 0);
  });

  it('goes with an order by score that stays within each band', () => {
    const order = sortedWithin(
      [1, 3, 2, 9, 9, 10],
      [
        { start: 0, end: 3 },
        { start: 3, end: 6 },
      ],
    );
    assert.deepEqual([...order], [1, 2, 0, 5, 3, 4]);
  });
});
