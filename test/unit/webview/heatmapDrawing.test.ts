import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { unitLayout } from '../../../src/protocol/unitLayout.ts';
import { themeOf } from '../../../webview/draw/canvasTheme.ts';
import { contrast, luminance, parseColour, pixel } from '../../../webview/draw/colour.ts';
import { diverging, ramp, rgbOf, twoTone, type RampName } from '../../../webview/draw/ramps.ts';
import { fillRect, hatchRect, paintBand, type Raster } from '../../../webview/draw/raster.ts';
import { changeTicks, labelStep, niceStep, percent } from '../../../webview/draw/ticks.ts';
import {
  cellAt,
  cellLeft,
  cellWidth,
  fitAll,
  panBy,
  resizeView,
  reveal,
  zoomAbout,
  type Viewport,
} from '../../../webview/draw/viewport.ts';
import { overviewColumns } from '../../../webview/heatmap/groups.ts';
import { columnAt, layerAt, layOutOverview } from '../../../webview/heatmap/overviewGeometry.ts';
import { layOutStrip } from '../../../webview/heatmap/stripGeometry.ts';
import { afterKey, afterWheel, showBand } from '../../../webview/heatmap/stripKeys.ts';
import { paintStrip, stripScratch } from '../../../webview/heatmap/stripPaint.ts';
import { meanLevels } from '../../../webview/heatmap/mips.ts';
import { bandsOf } from '../../../webview/heatmap/units.ts';
import { model } from './heatmapFixture.ts';

const layout = unitLayout(model);

function raster(width: number, height: number): Raster {
  return { width, height, pixels: new Uint32Array(width * height) };
}

describe('colours', () => {
  it('are read in every form a theme comes in', () => {
    assert.deepEqual(parseColour('#1f1F1f'), [31, 31, 31]);
    assert.deepEqual(parseColour('#abc'), [170, 187, 204]);
    assert.deepEqual(parseColour('rgb(1, 2, 3)'), [1, 2, 3]);
    assert.deepEqual(parseColour('rgba(255, 255, 255, 0.5)', [1, 1, 1]), [128, 128, 128]);
    assert.deepEqual(parseColour('#ffffff80', [0, 0, 0]), [128, 128, 128]);
    for (const text of ['', 'red', '#12345', 'rgb(1, 2)', 'rgb(a, b, c)']) {
      assert.equal(parseColour(text), null, text);
    }
  });

  it('rise in lightness along every ramp, from end to end of what is published', () => {
    const ends: Record<RampName, readonly [string, string]> = {
      cividis: ['#00224e', '#fee838'],
      viridis: ['#440154', '#fde725'],
      greys: ['#1c1c1c', '#f4f4f4'],
    };
    for (const name of ['cividis', 'viridis', 'greys'] as const) {
      const table = ramp(name);
      assert.deepEqual(
        [table[0], table[255]],
        ends[name].map((text) => pixel(parseColour(text)!)),
      );
      for (let i = 8; i < 256; i += 8) {
        const [before, after] = [luminance(rgbOf(table[i - 8]!)), luminance(rgbOf(table[i]!))];
        assert.ok(after > before, `${name} at ${i}`);
      }
    }
  });

  it('meet in the middle for changes', () => {
    const table = diverging([200, 100, 0], [10, 10, 10], [0, 0, 250]);
    assert.deepEqual(
      [0, 127, 128, 255].map((i) => rgbOf(table[i]!)),
      [
        [200, 100, 0],
        [10, 10, 10],
        [10, 10, 10],
        [0, 0, 250],
      ],
    );
  });

  it('of kept and lost stand out from the background of any theme', () => {
    for (const background of ['#ffffff', '#000000', '#1f1f1f', '#3794ff', '#d18616']) {
      const ink = luminance(parseColour(background)!) > 0.2 ? '#000000' : '#ffffff';
      const values: Record<string, string> = { 'editor-background': background, foreground: ink };
      const theme = themeOf((name) => values[name] ?? '', false);
      assert.ok(contrast(theme.kept, theme.background) >= 3, background);
      assert.ok(contrast(theme.lost, theme.background) >= 3, background);
    }
  });
});

describe('a raster', () => {
  it('is filled inside its bounds only', () => {
    const target = raster(4, 3);
    fillRect(target, -2, 1, 4, 9, 7);
    assert.deepEqual([...target.pixels], [0, 0, 0, 0, 7, 7, 0, 0, 7, 7, 0, 0]);
    fillRect(target, 3, 0, -2, 1, 9);
    fillRect(target, 9, 0, 2, 1, 9);
    assert.ok(!target.pixels.includes(9));
  });

  it('is hatched in bands as in rectangles, and only where flags say so', () => {
    const hatch = { pixel: 5, period: 5, thickness: 2 };
    const [one, other] = [raster(23, 11), raster(23, 11)];
    const line = new Uint32Array(23).fill(3);
    const flags = new Uint8Array(23).fill(1, 4, 17);
    paintBand(one, line, flags, { left: 2, right: 20, top: 1, height: 8 }, hatch);
    fillRect(other, 2, 1, 18, 8, 3);
    hatchRect(other, 4, 1, 13, 8, hatch);
    assert.deepEqual(one.pixels, other.pixels);
    assert.ok(one.pixels.includes(5));
  });
});

describe('a viewport', () => {
  const whole = fitAll(30_208, 900, 24);

  it('begins with everything in view', () => {
    assert.equal(cellAt(whole, 0), 0);
    assert.equal(cellAt(whole, 899), 30_207 - Math.floor(30_208 / 900 - 1 / 900) + 0);
    assert.equal(cellAt(whole, 900), -1);
    assert.equal(panBy(whole, 500).offset, 0);
  });

  it('keeps the cell under the pointer where it is while zooming', () => {
    let view = whole;
    for (const factor of [1.3, 2, 2, 2, 1.7, 3, 0.6, 5, 0.8]) {
      const before = view.offset + 400 / cellWidth(view);
      view = zoomAbout(view, 400, factor);
      const after = view.offset + 400 / cellWidth(view);
      // Off by no more than the left edge moved to a whole pixel.
      assert.ok(Math.abs(after - before) * cellWidth(view) <= 0.51, `${factor}`);
    }
  });

  it('draws whole pixels per cell once cells are told apart, and stays in its bounds', () => {
    let view: Viewport = whole;
    for (let i = 0; i < 60; i++) {
      view = zoomAbout(view, 850, 1.17);
      const width = cellWidth(view);
      if (view.scale >= 4) assert.equal(width, Math.round(width));
      assert.ok(view.offset >= 0 && view.offset * width <= 30_208 * width - 900 + 1e-6);
      assert.ok(Math.abs(view.offset * width - Math.round(view.offset * width)) < 1e-6);
    }
    assert.equal(cellWidth(view), 24);
    assert.equal(zoomAbout(view, 0, 1e-9).offset, 0);
    assert.equal(cellWidth(zoomAbout(view, 0, 1e-9)), cellWidth(whole));
  });

  it('finds a cell where it draws it', () => {
    const view = zoomAbout(whole, 300, 400);
    for (let cell = Math.ceil(view.offset); cell < view.offset + 30; cell++) {
      assert.equal(cellAt(view, cellLeft(view, cell)), cell);
      assert.equal(cellAt(view, cellLeft(view, cell) + cellWidth(view) - 1), cell);
    }
  });

  it('moves no further than it must to show a cell', () => {
    const view = zoomAbout(whole, 0, 1000);
    assert.equal(reveal(view, 3), view);
    const there = reveal(view, 20_000);
    assert.ok(cellLeft(there, 20_000) + cellWidth(there) <= 900);
    assert.ok(cellLeft(there, 20_001) + cellWidth(there) > 900);
    assert.equal(cellLeft(reveal(there, 7), 7), 0);
  });

  it('still shows everything after the page grew', () => {
    assert.equal(cellWidth(resizeView(whole, 1200)), 1200 / 30_208);
    const near = zoomAbout(whole, 0, 1000);
    assert.equal(cellWidth(resizeView(near, 1200)), cellWidth(near));
  });
});

describe('keys and wheel of a strip', () => {
  const bands = bandsOf(layout);
  const view = fitAll(layout.perLayer, 400, 24);
  const start = { view, cell: 5, row: 0 };

  it('move the cursor within the row, to the bands and to the ends', () => {
    const after = (key: string): number | undefined => afterKey(key, start, 1, bands)?.cell;
    assert.deepEqual(
      ['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown', 'Home', 'End'].map(after),
      [4, 6, 4, 8, 0, layout.perLayer - 1],
    );
    assert.equal(afterKey('ArrowDown', start, 3, bands)?.row, 1);
    assert.equal(afterKey('ArrowUp', start, 3, bands)?.row, 0);
    assert.equal(afterKey('x', start, 1, bands), null);
  });

  it('zoom about the cursor, which stays in view, and back', () => {
    let place = { view, cell: 40, row: 0 };
    for (let i = 0; i < 5; i++) place = afterKey('+', place, 1, bands)!;
    assert.equal(cellWidth(place.view), 24);
    const left = cellLeft(place.view, 40);
    assert.ok(left >= 0 && left + 24 <= 400);
    assert.deepEqual(afterKey('0', place, 1, bands)!.view, view);
  });

  it('leave the wheel to the page when there is nothing left to zoom out of', () => {
    assert.equal(afterWheel(view, 10, 0, 100, 1), null);
    const near = afterWheel(view, 10, 0, -400, 1);
    assert.ok(near !== null && cellWidth(near) > cellWidth(view));
    assert.ok(afterWheel(near, 10, 0, 400, 1) !== null);
  });

  it('fill the width with a band', () => {
    const long = fitAll(30_208, 900, 24);
    const shown = showBand(long, 512, 1536);
    assert.equal(cellAt(shown, 0), 512);
    assert.ok(cellAt(shown, 899) >= 1534 && cellAt(shown, 899) <= 1535);
  });
});

describe('a strip', () => {
  it('paints each cell in the colour of its value, and hatches what is removed', () => {
    const values = Uint8Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? 255 : 0));
    const table = twoTone([10, 10, 10], [200, 200, 200]);
    const hatch = { pixel: pixel([255, 0, 0]), period: 4, thickness: 1 };
    const row = { label: '', levels: meanLevels(values), table, hatchBelow: 1, hatch, missing: '' };
    const sizes = { gutter: 10, rowHeight: 12, rowGap: 2 };
    const geometry = layOutStrip(413, 1, 1, sizes);
    const target = raster(geometry.width, geometry.height);
    const theme = themeOf(() => '', false);
    const view = fitAll(40, geometry.plot, 24);
    paintStrip(target, geometry, view, [row], row, theme, stripScratch(target.width));
    for (let cell = 0; cell < 40; cell++) {
      const x = geometry.left + cellLeft(view, cell);
      const seen = new Set<number>();
      for (let y = geometry.top; y < geometry.top + 12; y++) {
        seen.add(target.pixels[y * target.width + x + 2]!);
      }
      const expected = cell % 2 === 0 ? [table[255]] : [table[0], hatch.pixel];
      assert.deepEqual([...seen].sort(), expected.sort(), `cell ${cell}`);
    }
  });
});

describe('the geometry of the overview', () => {
  it('finds every cell where it lays it, at any width and density', () => {
    const columns = overviewColumns(layout);
    for (const [width, ratio] of [
      [1000, 1],
      [420, 2],
      [777, 1.25],
      [120, 1],
    ] as const) {
      const geometry = layOutOverview(width, ratio, 80, columns);
      columns.forEach((_, i) => {
        assert.equal(columnAt(geometry, geometry.lefts[i]!), i);
        assert.equal(columnAt(geometry, geometry.lefts[i]! + geometry.pitches[i]! - 1), i);
      });
      for (let layer = 0; layer < 80; layer++) {
        assert.equal(layerAt(geometry, geometry.top + layer * geometry.rowPitch), layer);
      }
      assert.equal(columnAt(geometry, geometry.lefts[0]! - 1), -1);
      assert.equal(columnAt(geometry, geometry.right), -1);
      assert.equal(layerAt(geometry, geometry.top - 1), -1);
      assert.equal(layerAt(geometry, geometry.top + 80 * geometry.rowPitch), -1);
      if (width > 400) assert.ok(geometry.numberRight <= geometry.width, `${width}`);
    }
  });

  it('is as high whatever the width, so that nothing below it moves', () => {
    const columns = overviewColumns(layout);
    const heights = [300, 600, 1400].map((width) => layOutOverview(width, 1, 22, columns).height);
    assert.equal(new Set(heights).size, 1);
  });
});

describe('numbers of labels', () => {
  it('never say all or nothing of what is neither', () => {
    assert.deepEqual([0, 0.001, 0.5, 0.999, 1].map(percent), ['0%', '<1%', '50%', '>99%', '100%']);
    assert.deepEqual(
      changeTicks(0.05).map(({ text }) => text),
      ['−5%', '0%', '+5%'],
    );
  });

  it('keep their distance', () => {
    assert.deepEqual(
      [1, 7, 22, 30_000].map((span) => niceStep(span, 10)),
      [1, 1, 5, 5000],
    );
    assert.deepEqual(
      [20, 6, 5, 3].map((pitch) => labelStep(pitch, 13)),
      [1, 5, 5, 5],
    );
  });
});
