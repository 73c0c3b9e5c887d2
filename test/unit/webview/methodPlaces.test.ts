import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { layOutMethods, type Plane } from '../../../webview/charts/methodPlaces.ts';
import { afterKey } from '../../../webview/methods/pointKeys.ts';
import { COMPARED_ROWS } from '../../fixtures/recordedComparison.ts';

const rows = COMPARED_ROWS.filter(({ method }) => method !== 'dense');

/** 1000 pixels for shares from 0 to 1, and 400 for perplexities from 2.9 to 4. */
const plane: Plane = {
  ...{ left: 0, top: 0, xMin: 0, xMax: 1, yMin: 2.9, yMax: 4, clamped: true },
  xOf: (kept) => 1000 * kept,
  yOf: (perplexity) => (400 * (4 - perplexity)) / 1.1,
};
const indexOf = (scope: string, method: string, pattern: string): number =>
  rows.findIndex((row) => row.scope === scope && row.method === method && row.pattern === pattern);

describe('places in the plot of methods', () => {
  const layout = layOutMethods(rows, plane);
  it('put every row exactly at the share that it keeps', () => {
    rows.forEach((row, index) => {
      assert.equal(layout.ends[index]!.x, plane.xOf(row.nonzeroFraction), row.pattern);
    });
  });

  it('put what lies above the frame at its edge, apart from one another, the worst last', () => {
    const group = layout.above.find((indices) =>
      indices.includes(indexOf('structured', 'random', 'kept 50%')),
    )!;
    assert.equal(rows[group.at(-1)!]!.perplexity, 19.85);
    const places = group.map((index) => layout.places[index]!);
    assert.equal(new Set(places.map(({ y }) => y)).size, 1);
    assert.ok(places.every(({ x }, at) => at === 0 || x > places[at - 1]!.x));
  });

  it('leave out of a zoomed plot what lies outside', () => {
    const zoomed = layOutMethods(rows, { ...plane, xMin: 0.85, clamped: false });
    assert.deepEqual(zoomed.above, []);
    const seen = rows.filter((_, index) => zoomed.places[index] !== null);
    assert.deepEqual([...new Set(seen.map(({ pattern }) => pattern))], ['kept 90%']);
  });

  it('are walked by keys along a method, and to the nearest point of the next', () => {
    const at = indexOf('mlp', 'magnitude', '4:8');
    const go = (key: string, from: number): number | undefined =>
      afterKey(key, from, layout.series, (index) => layout.places[index]!);
    assert.equal(go('ArrowRight', at), indexOf('mlp', 'magnitude', '2:4'));
    assert.equal(go('ArrowLeft', at), indexOf('mlp', 'magnitude', '50%'));
    assert.equal(go('End', at), indexOf('mlp', 'magnitude', '2:4'));
    const below = go('ArrowDown', at)!;
    assert.equal(rows[below]!.method, 'wanda');
    const away = (index: number): number =>
      Math.abs(layout.places[index]!.y - layout.places[at]!.y);
    for (const pattern of ['50%', '4:8', '2:4']) {
      assert.ok(away(below) <= away(indexOf('mlp', 'wanda', pattern)), pattern);
    }
    assert.equal(go('ArrowRight', -1), indexOf('mlp', 'magnitude', '50%'));
    assert.equal(go('x', at), undefined);
    assert.equal(
      afterKey('Home', -1, [], () => null),
      undefined,
    );
  });
});
