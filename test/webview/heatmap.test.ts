import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { RunReader } from '../../src/dashboard/reader/runReader.ts';
import type { ModelSummary } from '../../src/protocol/modelSummary.ts';
import { unitLayout, type UnitLayout } from '../../src/protocol/unitLayout.ts';
import { pixel } from '../../webview/draw/colour.ts';
import { ramp, rgbOf } from '../../webview/draw/ramps.ts';
import { bitAt, countBits } from '../../webview/heatmap/bitPlanes.ts';
import { keptShares, overviewColumns } from '../../webview/heatmap/groups.ts';
import { layOutOverview } from '../../webview/heatmap/overviewGeometry.ts';
import { groupSentence } from '../../webview/heatmap/readout.ts';
import { bandName, unitAt, wordsOf } from '../../webview/heatmap/units.ts';
import { themeNames } from './themes.ts';
import { startHarness, type Harness, type OpenPanel } from './harness.ts';

interface Truth {
  readonly layout: UnitLayout;
  readonly model: ModelSummary;
  readonly bits: Uint8Array;
}

describe('the heatmaps in a browser', () => {
  let harness: Harness;
  before(async () => {
    harness = await startHarness();
  });
  after(async () => {
    if (harness.ok) await harness.close();
  });

  it('colour each cell as the palette says, and read it aloud at the cursor', async (t) => {
    if (!harness.ok) return t.skip(harness.reason);
    const panel = await openMasks(harness, 'mid');
    const { layout, model, bits } = truthOf(harness, 'mid');
    const columns = overviewColumns(layout);
    const shares = keptShares(bits, layout, columns).cells;
    const width = await panel.frame.evaluate<number>(
      "document.querySelector('.heat-overview').clientWidth",
    );
    const geometry = layOutOverview(width, 1, layout.layers, columns);
    const table = ramp('cividis');
    for (const [layer, column] of CELLS) {
      const share = shares[layer * columns.length + column]!;
      const x = geometry.lefts[column]! + (geometry.pitches[column]! >> 1);
      const y = geometry.top + layer * geometry.rowPitch + (geometry.rowHeight >> 1);
      // A cell without any kept unit is hatched, and its middle may be a line of the hatch.
      if (share === 0) continue;
      const expected = rgbOf(table[Math.round(share * 255)]!);
      assert.deepEqual(
        await pixelAt(panel, '.heat-overview', x, y),
        expected,
        `${layer} ${column}`,
      );
    }
    await panel.frame.locator('.heat-overview canvas').focus();
    for (const key of ['ArrowDown', 'ArrowDown', 'ArrowRight']) {
      await panel.page.keyboard.press(key);
    }
    const band = columns[1]!;
    const words = wordsOf(model);
    const sentence = groupSentence({
      ...{ layer: 2, name: bandName(band, words), units: band.end - band.start },
      kept: countBits(bits, layout, 2, band.start, band.end),
      ...{ importance: null, frequency: null, change: null, reference: '' },
    });
    assert.equal(await panel.frame.locator('.heat-whole .heat-readout').textContent(), sentence);
    await spoken(panel, sentence);
    assert.deepEqual(await panel.problems(), []);
    await panel.close();
  });

  it('open a layer, read its units one by one, zoom in, and come back', async (t) => {
    if (!harness.ok) return t.skip(harness.reason);
    const panel = await openMasks(harness, 'mid');
    const { layout, bits } = truthOf(harness, 'mid');
    const { keyboard } = panel.page;
    await panel.frame.locator('.heat-overview canvas').focus();
    for (const key of ['ArrowDown', 'Enter']) await keyboard.press(key);
    await panel.frame.getByText('Block 1: units kept').waitFor();
    const readout = panel.frame.locator('.heat-detail .heat-readout');
    await keyboard.press('End');
    for (const back of [0, 1, 2, 3]) {
      if (back > 0) await keyboard.press('ArrowLeft');
      const unit = layout.perLayer - 1 - back;
      const { index } = unitAt(layout, unit);
      const kept = bitAt(bits, layout, 1, unit) ? 'kept' : 'removed';
      const start = `Block 1, neuron ${index.toLocaleString('en-US')}: ${kept}, importance in the `;
      const text = (await readout.textContent()) ?? '';
      assert.ok(text.startsWith(start), text);
    }
    const whole = await picture(panel, '.heat-detail .heat-strip');
    for (let i = 0; i < 8; i++) await keyboard.press('+');
    assert.notEqual(await picture(panel, '.heat-detail .heat-strip'), whole);
    await keyboard.press('Escape');
    await panel.frame.locator('.heat-overview canvas').waitFor();
    const focused = await panel.frame.evaluate<boolean>(
      "document.activeElement === document.querySelector('.heat-overview canvas')",
    );
    assert.ok(focused);
    await panel.close();
  });

  it('hold the same numbers as a table', async (t) => {
    if (!harness.ok) return t.skip(harness.reason);
    const panel = await openMasks(harness, 'tiny');
    const { layout, bits } = truthOf(harness, 'tiny');
    await panel.frame.getByRole('radio', { name: 'Table' }).click();
    const rows = panel.frame.locator('.heat-table tbody tr');
    assert.equal(await rows.count(), layout.layers);
    const kept = countBits(bits, layout, 3, 0, layout.perLayer) / layout.perLayer;
    assert.equal(
      await rows.nth(3).locator('td').last().textContent(),
      `${Math.round(kept * 100)}%`,
    );
    await panel.close();
  });

  it('say why there is no picture', async (t) => {
    if (!harness.ok) return t.skip(harness.reason);
    const old = await openMasks(harness, 'tiny-first-version', '.heat-message');
    assert.match((await old.frame.locator('.heat-message').textContent()) ?? '', /did not record/);
    await old.close();
    const early = await openMasks(harness, 'tiny-starting');
    const message = early.frame.locator('.heat-whole .heat-message');
    assert.match((await message.textContent()) ?? '', /first subnet/);
    await early.frame.getByRole('radio', { name: 'How often kept' }).click();
    assert.match((await message.textContent()) ?? '', /first generation/);
    await early.close();
  });

  it('have nothing that axe complains of, in any theme and form', async (t) => {
    if (!harness.ok) return t.skip(harness.reason);
    const panel = await openMasks(harness, 'tiny');
    for (const theme of themeNames) {
      await panel.setTheme(theme);
      for (const form of ['Table', 'Every unit', 'Groups']) {
        await panel.frame.getByRole('radio', { name: form }).click();
        await panel.screenshot(`heatmap-${form.split(' ')[0]!.toLowerCase()}-${theme}`);
        assert.deepEqual(await panel.axe(), [], `${theme} ${form}`);
      }
    }
    await panel.frame.locator('.heat-overview canvas').focus();
    await panel.page.keyboard.press('Enter');
    for (const theme of themeNames) {
      await panel.setTheme(theme);
      await panel.screenshot(`heatmap-layer-${theme}`);
      assert.deepEqual(await panel.axe(), [], `${theme} layer`);
    }
    await panel.close();
  });
});

/** Layer and column of cells whose pixels are looked at. */
const CELLS = [0, 1, 7, 15, 29].flatMap((layer) =>
  [0, 1, 2, 5, 6, 7, 30, 69].map((column) => [layer, column] as const),
);

type Started = Extract<Harness, { ok: true }>;

async function openMasks(
  harness: Started,
  name: string,
  shown = '.heat-overview canvas',
): Promise<OpenPanel> {
  const panel = await harness.open({ runs: [name], theme: 'dark' });
  await panel.frame.getByRole('tab', { name: 'Masks' }).click();
  await panel.frame.locator(shown).first().waitFor();
  // The picture is there when nothing is being read any more.
  await panel.frame.getByText('Reading…').waitFor({ state: 'hidden' });
  return panel;
}

/** What a run's folder says. */
function truthOf(harness: Started, name: string): Truth {
  const reader = new RunReader(harness.recorded(name).folder);
  const { head, masks } = reader.snapshot();
  const { model } = head;
  assert.ok(model !== null && masks.searched !== undefined);
  const { bits } = reader.mask({ kind: 'candidate', key: masks.searched });
  return { layout: unitLayout(model), model, bits };
}

/** The colour of a pixel of a canvas. */
async function pixelAt(
  panel: OpenPanel,
  selector: string,
  x: number,
  y: number,
): Promise<readonly number[]> {
  const value = await panel.frame.evaluate<number[]>(
    `Array.from(document.querySelector('${selector} canvas').getContext('2d').getImageData(${x}, ${y}, 1, 1).data)`,
  );
  assert.equal(value[3], 255);
  return rgbOf(pixel([value[0]!, value[1]!, value[2]!]));
}

/** All pixels of a canvas, to be compared with others. */
async function picture(panel: OpenPanel, selector: string): Promise<string> {
  // Two frames, so that what a key changed has been drawn.
  return panel.frame.evaluate<string>(
    `new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {
      done(document.querySelector('${selector} canvas').toDataURL());
    })))`,
  );
}

/** Waits until the page's live region says a text. */
async function spoken(panel: OpenPanel, text: string): Promise<void> {
  await panel.frame.locator('[aria-live]').filter({ hasText: text }).waitFor({ state: 'attached' });
}
