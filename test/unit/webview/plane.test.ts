import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  fitPlane,
  panPlane,
  planeCellAt,
  resizePlane,
  zoomPlane,
} from '../../../webview/draw/plane.ts';
import { themeOf } from '../../../webview/draw/canvasTheme.ts';
import { pixel } from '../../../webview/draw/colour.ts';
import { ramp } from '../../../webview/draw/ramps.ts';
import { cellLeft, cellWidth } from '../../../webview/draw/viewport.ts';
import { layOutPlane } from '../../../webview/heatmap/planeGeometry.ts';
import {
  closeUp,
  planeAfterKey,
  planeAfterWheel,
  wholeOf,
} from '../../../webview/heatmap/planeKeys.ts';
import { bitOf, planeMips, type BitPlane } from '../../../webview/heatmap/planeMips.ts';
import { paintPlane, planeScratch } from '../../../webview/heatmap/planePaint.ts';

const room = { width: 1000, height: 400 };
const large = fitPlane(4096, 11_008, room, 24);
const theme = themeOf(() => '', false);
const table = ramp('cividis');

function planeOf(rows: number, columns: number): BitPlane {
  const bits = new Uint8Array(rows * Math.ceil(columns / 8));
  return { rows, columns, bits: bits.map((_, i) => (i * 2_654_435_761) >>> 24) };
}

describe('a view of a plane', () => {
  it('begins with all of it, its cells square', () => {
    assert.equal(cellWidth(large.x), cellWidth(large.y));
    assert.ok(4096 * cellWidth(large.y) <= 400 + 1e-9);
    assert.ok(11_008 * cellWidth(large.x) <= 1000 + 1e-9);
    assert.equal(planeCellAt(large, 0, 399), planeCellAt(large, 2000, 0));
  });

  it('draws small planes in whole pixels', () => {
    const small = fitPlane(64, 112, room, 24);
    assert.equal(cellWidth(small.x), 6);
    assert.deepEqual(planeCellAt(small, 6 * 111 + 5, 6 * 63 + 5), { row: 63, column: 111 });
    assert.equal(planeCellAt(small, 6 * 112, 0), null);
  });

  it('keeps what is under the pointer while it zooms', () => {
    let view = large;
    const at = planeCellAt(view, 500, 200)!;
    for (let i = 0; i < 16; i++) view = zoomPlane(view, 500, 200, 1.5);
    const near = planeCellAt(view, 500, 200)!;
    assert.equal(cellWidth(view.x), 24);
    // A pixel of the whole stands for eleven cells.
    assert.ok(Math.abs(near.row - at.row) <= 12 && Math.abs(near.column - at.column) <= 12);
    for (let i = 0; i < 40; i++) view = zoomPlane(view, 500, 200, 0.7);
    assert.deepEqual(view, large);
  });

  it('moves no further than its ends', () => {
    const near = closeUp(large, { row: 2000, column: 5000 });
    assert.equal(panPlane(near, -1e9, -1e9).x.offset, 0);
    const last = panPlane(near, 1e9, 1e9);
    assert.deepEqual(planeCellAt(last, 999, 399), { row: 4095, column: 11_007 });
  });

  it('stays whole, or near, when its place changes', () => {
    const smaller = { width: 300, height: 200 };
    assert.deepEqual(resizePlane(large, smaller, 24), fitPlane(4096, 11_008, smaller, 24));
    const near = closeUp(large, { row: 2000, column: 5000 });
    assert.equal(cellWidth(resizePlane(near, smaller, 24).x), 24);
  });
});

describe('keys on a plane', () => {
  const start = { view: large, cell: { row: 0, column: 0 } };

  it('go by weights where these are seen, by strides where not, and no further than the ends', () => {
    const far = planeAfterKey('ArrowRight', start, 1)!;
    assert.ok(far.cell.column > 100);
    const near = planeAfterKey('Enter', start, 1)!;
    const next = planeAfterKey('ArrowDown', near, 1)!;
    assert.deepEqual(next.cell, { row: 1, column: 0 });
    assert.deepEqual(planeAfterKey('ArrowUp', near, 1)!.cell, { row: 0, column: 0 });
  });

  it('take the view along', () => {
    let place = planeAfterKey('Enter', start, 1)!;
    for (let i = 0; i < 300; i++) place = planeAfterKey('ArrowRight', place, 1)!;
    assert.equal(place.cell.column, 300);
    const left = cellLeft(place.view.x, 300);
    assert.ok(left >= 0 && left + 24 <= room.width, String(left));
  });

  it('zoom about the cursor, and show all again', () => {
    const cell = { row: 3000, column: 9000 };
    const near = planeAfterKey('+', { view: large, cell }, 1)!;
    assert.ok(cellWidth(near.view.x) > cellWidth(large.x));
    assert.ok(cellLeft(near.view.y, 3000) < room.height);
    assert.deepEqual(planeAfterKey('Home', near, 1)!.view, wholeOf(near.view));
    assert.equal(planeAfterKey('q', near, 1), null);
  });

  it('leave the page to scroll when the wheel turns away from the whole', () => {
    assert.equal(planeAfterWheel(large, { x: 5, y: 5 }, 0, 100, 1), null);
    assert.notEqual(planeAfterWheel(large, { x: 5, y: 5 }, 0, -100, 1), null);
  });
});

describe('the painting of a plane', () => {
  const geometry = layOutPlane(400, 1, 60, 90);
  const groups = { size: 4, along: 'inputs' } as const;
  const raster = {
    width: geometry.width,
    height: geometry.height,
    pixels: new Uint32Array(geometry.width * geometry.height),
  };
  const plane = planeOf(60, 90);
  const mips = planeMips(plane);
  mips.build(Infinity);
  const whole = fitPlane(60, 90, { width: geometry.plotWidth, height: geometry.plotHeight }, 24);
  const at = (x: number, y: number): number =>
    raster.pixels[(geometry.top + y) * raster.width + geometry.left + x]!;

  it('shows each bit where it is, and lines between groups', () => {
    const view = closeUp(whole, { row: 30, column: 40 });
    paintPlane(raster, geometry, view, mips, table, groups, theme, planeScratch(raster, 90));
    for (let y = 12; y < geometry.plotHeight; y += 24) {
      for (let x = 12; x < geometry.plotWidth; x += 24) {
        const cell = planeCellAt(view, x, y)!;
        const expected = table[bitOf(plane, cell.row, cell.column) ? 255 : 0]!;
        assert.equal(at(x, y), expected, `${cell.row} ${cell.column}`);
      }
    }
    const border = cellLeft(view.x, 44) - 1;
    assert.equal(at(border, 12), pixel(theme.lost));
    // Cells of one group are parted by nothing but a gap.
    assert.equal(at(cellLeft(view.x, 43) - 1, 12), 0);
  });

  it('shows the mean where weights are smaller than a pixel', () => {
    const wide = planeOf(900, 1800);
    const copies = planeMips(wide);
    copies.build(Infinity);
    const place = layOutPlane(400, 1, 900, 1800);
    const view = fitPlane(900, 1800, { width: place.plotWidth, height: place.plotHeight }, 24);
    const target = {
      width: place.width,
      height: place.height,
      pixels: new Uint32Array(place.width * place.height),
    };
    paintPlane(target, place, view, copies, table, groups, theme, planeScratch(target, 1800));
    const level = copies.levels[3]!;
    const [x, y] = [100, 80];
    const cell = planeCellAt(view, x + 0.5, y + 0.5)!;
    const share = level.shares[(cell.row >> 3) * level.columns + (cell.column >> 3)]!;
    const found = target.pixels[(place.top + y) * target.width + place.left + x];
    assert.ok(cellWidth(view.x) < 0.25 && cellWidth(view.x) >= 0.125, String(cellWidth(view.x)));
    assert.equal(found, table[share]);
  });
});
