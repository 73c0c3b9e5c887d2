import assert from 'node:assert/strict';
import { it } from 'node:test';
import { between, moved, within, zoomed } from '../../../webview/charts/zoomPlane.ts';

const whole = { xMin: 0, xMax: 100, yMin: 1, yMax: 100 };
const linear = { xLogarithmic: false, yLogarithmic: false };
const logarithmic = { xLogarithmic: false, yLogarithmic: true };

it('zooms about a place that stays where it is', () => {
  const part = zoomed(whole, linear, 0.5, { x: 0.25, y: 0 });
  assert.deepEqual([part.xMin, part.xMax], [12.5, 62.5]);
  assert.equal(part.yMin, 1);
});

it('halves the decades of a logarithmic axis', () => {
  const part = zoomed(whole, logarithmic, 0.5, { x: 0, y: 0 });
  assert.ok(Math.abs(part.yMax - 10) < 1e-9);
});

it('zooms in and out to where it was', () => {
  for (const kind of [linear, logarithmic]) {
    const about = { x: 0.3, y: 0.6 };
    const back = zoomed(zoomed(whole, kind, 0.8, about), kind, 1.25, about);
    for (const end of ['xMin', 'xMax', 'yMin', 'yMax'] as const) {
      assert.ok(Math.abs(back[end] - whole[end]) < 1e-9);
    }
  }
});

it('takes the box between two corners, whichever was first', () => {
  const [a, b] = [
    { x: 0.75, y: 0.1 },
    { x: 0.25, y: 0.5 },
  ];
  assert.deepEqual(between(whole, linear, a, b), between(whole, linear, b, a));
  assert.equal(between(whole, linear, a, b).xMin, 25);
});

it('stays within the whole, and is no zoom when it is all of it', () => {
  assert.equal(within(zoomed(whole, linear, 2, { x: 0.5, y: 0.5 }), whole), null);
  const part = within(moved({ xMin: 80, xMax: 100, yMin: 5, yMax: 9 }, linear, 0.5, 0), whole);
  assert.deepEqual(part, { xMin: 90, xMax: 100, yMin: 5, yMax: 9 });
});
