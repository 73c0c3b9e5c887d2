import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { MaskRef } from '../../../src/protocol/panelParams.ts';
import { unitLayout } from '../../../src/protocol/unitLayout.ts';
import { themeOf } from '../../../webview/draw/canvasTheme.ts';
import { allUnitsRows } from '../../../webview/heatmap/allUnitsRows.ts';
import { detailRows, layerPlanes } from '../../../webview/heatmap/detailRows.ts';
import { overviewColumns } from '../../../webview/heatmap/groups.ts';
import type { HeatmapDeps, HeatmapState } from '../../../webview/heatmap/heatmapState.ts';
import { legendOf, pictureOf, planesFor } from '../../../webview/heatmap/picture.ts';
import { createUnitSource, type UnitSource } from '../../../webview/heatmap/unitSource.ts';
import { model, randomBits, setBits } from './heatmapFixture.ts';

const layout = unitLayout(model);
const columns = overviewColumns(layout);
const theme = themeOf(() => '', false);
const first: MaskRef = { kind: 'candidate', key: '00000000000000aa' };
const second: MaskRef = { kind: 'candidate', key: '00000000000000bb' };

const state: HeatmapState = {
  ...{ run: 'r', model, subject: first, subjectName: 'the best subnet' },
  ...{ reference: second, referenceName: 'the initial mask', generation: 1, hasScores: true },
  ...{ themeVersion: 0, mode: 'mask', scoreUnit: 'score' },
};

/** A host whose answers come when the test lets them. */
function slowHost(): {
  readonly source: UnitSource;
  readonly asked: string[];
  readonly changes: () => number;
  readonly answer: (at: number, bits: Uint8Array | Error) => Promise<void>;
} {
  const asked: string[] = [];
  const settle: ((bits: Uint8Array | Error) => void)[] = [];
  const ask = (what: string): Promise<Uint8Array> => {
    asked.push(what);
    return new Promise((resolve, reject) => {
      settle.push((bits) => {
        if (bits instanceof Error) reject(bits);
        else resolve(bits);
      });
    });
  };
  const deps: HeatmapDeps = {
    mask: async (run, mask) => ({
      key: '',
      bits: await ask(`${run} ${mask.kind === 'named' ? mask.name : mask.key}`),
    }),
    frequency: async (run) => ({ subnets: 4, shares: await ask(`${run} frequency`) }),
    importance: async (run) => ({ ranks: await ask(`${run} importance`) }),
    layerScores: () => Promise.reject(new Error('not asked for')),
    announce: () => undefined,
    palette: 'cividis',
  };
  let changes = 0;
  const source = createUnitSource(deps, () => changes++);
  return {
    ...{ source, asked, changes: () => changes },
    answer: async (at, bits) => {
      settle[at]!(bits);
      await new Promise(setImmediate);
    },
  };
}

describe('the planes a heatmap asks for', () => {
  it('are asked for once, and the one before is shown until the next is there', async () => {
    const { source, asked, changes, answer } = slowHost();
    const [one, two] = [randomBits(layout, 1), randomBits(layout, 2)];
    assert.deepEqual(source.mask('subject', 'r', first, 0), {
      ...{ value: null, loading: true, failed: null },
    });
    await answer(0, one);
    assert.equal(changes(), 1);
    assert.equal(source.mask('subject', 'r', first, 5).value, one);
    const waiting = source.mask('subject', 'r', second, 5);
    assert.deepEqual([waiting.value, waiting.loading], [one, true]);
    await answer(1, two);
    assert.equal(source.mask('subject', 'r', second, 5).value, two);
    assert.equal(source.mask('subject', 'r', first, 9).value, one);
    assert.deepEqual(asked, ['r 00000000000000aa', 'r 00000000000000bb']);
  });

  it('never show one run in the place of another, nor an answer that came too late', async () => {
    const { source, changes, answer } = slowHost();
    source.mask('subject', 'r', first, 0);
    source.mask('subject', 's', first, 0);
    await answer(0, randomBits(layout, 1));
    assert.equal(source.mask('subject', 's', first, 0).value, null);
    source.dispose();
    await answer(1, randomBits(layout, 2));
    assert.equal(changes(), 1);
  });

  it('are asked for again after a failure, and after each generation where it matters', async () => {
    const { source, asked, answer } = slowHost();
    source.mask('subject', 'r', first, 0);
    await answer(0, new Error('gone'));
    assert.equal(source.mask('subject', 'r', first, 0).failed, 'gone');
    source.retry();
    assert.equal(source.mask('subject', 'r', first, 0).loading, true);
    source.frequency('r', 1);
    source.frequency('r', 1);
    source.frequency('r', 2);
    source.mask('subject', 'r', { kind: 'named', name: 'searched' }, 1);
    source.mask('subject', 'r', { kind: 'named', name: 'searched' }, 2);
    assert.deepEqual(asked.slice(2), [
      ...['r frequency', 'r frequency', 'r searched', 'r searched'],
    ]);
  });
});

describe('a picture', () => {
  it('is refused with a reason until its plane is there and fits the model', async () => {
    const { source, asked, answer } = slowHost();
    const draw = (given: Partial<HeatmapState>): ReturnType<typeof pictureOf> => {
      const now = { ...state, ...given };
      const planes = planesFor(source, now, false);
      return pictureOf(now, planes, layout, columns, theme, 'cividis');
    };
    assert.equal(draw({ subject: null }).state, 'absent');
    assert.equal(draw({ hasScores: false, mode: 'importance' }).state, 'absent');
    assert.equal(draw({ generation: 0, mode: 'frequency' }).state, 'absent');
    assert.equal(draw({ reference: null, mode: 'difference' }).state, 'absent');
    assert.equal(draw({}).state, 'loading');
    await answer(0, new Uint8Array(3));
    assert.equal(draw({}).state, 'failed');
    // A picture asks for no more than it shows.
    assert.deepEqual(asked, ['r 00000000000000aa']);
    draw({ mode: 'importance' });
    await answer(1, new Uint8Array(layout.layers * layout.perLayer).fill(255));
    const ready = draw({ mode: 'importance' });
    assert.ok(ready.state === 'ready');
    assert.ok(ready.picture.shares.cells.every((share) => share === 1));
  });

  it('scales changes to the greatest of them', async () => {
    const { source, answer } = slowHost();
    const now = { ...state, mode: 'difference' } as const;
    planesFor(source, now, false);
    await answer(0, setBits(layout, [[0, layout.perLayer - 1]]));
    await answer(1, setBits(layout, []));
    const planes = planesFor(source, now, false);
    // A group holds one neuron, which came wholly; one of five hundred would be a small change.
    const wide = pictureOf(now, planes, layout, columns, theme, 'cividis');
    const narrow = pictureOf(now, planes, layout, overviewColumns(layout, 1), theme, 'cividis');
    assert.ok(wide.state === 'ready' && narrow.state === 'ready');
    assert.deepEqual([wide.picture.legend.bound, narrow.picture.legend.bound], [1, 0.028]);
  });
});

it('names gained and lost where a picture is of single units, and shares where it is of groups', () => {
  const texts = (bound: number | null): readonly string[] =>
    legendOf('difference', theme, 'cividis', bound).ticks.map(({ text }) => text);
  assert.deepEqual(texts(null), ['lost', 'the same', 'gained']);
  assert.deepEqual(texts(0.028), ['−2.8%', '0%', '+2.8%']);
});

describe('the rows of units', () => {
  const planes = {
    subject: { value: setBits(layout, [[1, 3]]), loading: false, failed: null },
    reference: { value: setBits(layout, [[1, 4]]), loading: false, failed: null },
    importance: { value: null, loading: false, failed: 'unreadable' },
    frequency: { value: null, loading: true, failed: null },
  };

  it('of a layer hold what is there, say what is not, and follow the order asked for', () => {
    const layer = layerPlanes(planes, layout, 1);
    const rows = detailRows(layer, null, planes, state, theme, 'cividis', 1);
    assert.deepEqual(
      rows.map(({ missing }) => missing),
      ['', 'unreadable', 'Reading…', ''],
    );
    assert.deepEqual([...rows[0]!.levels![0]!.subarray(2, 6)], [0, 255, 0, 0]);
    assert.deepEqual([...rows[3]!.levels![0]!.subarray(2, 6)], [128, 255, 0, 128]);
    const order = Uint32Array.from({ length: layout.perLayer }, (_, i) => layout.perLayer - 1 - i);
    const turned = detailRows(layer, order, planes, state, theme, 'cividis', 1);
    assert.equal(turned[0]!.levels![0]![layout.perLayer - 4], 255);
  });

  it('of all layers are filled one by one when there is no time, and all when there is', () => {
    const legend = legendOf('mask', theme, 'cividis', 1);
    const all = allUnitsRows('mask', planes, layout, legend, theme, 1);
    assert.equal(all.fill(-1), false);
    assert.deepEqual(
      all.rows.map(({ levels }) => levels !== null),
      [true, false, false],
    );
    assert.equal(all.fill(Infinity), true);
    assert.equal(all.rows[1]!.levels![0]![3], 255);
  });
});
