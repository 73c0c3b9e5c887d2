import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import { RunReader } from '../../src/dashboard/reader/runReader.ts';
import type { MapName, SparseMap } from '../../src/protocol/sparsityRecord.ts';
import { ramp, rgbOf } from '../../webview/draw/ramps.ts';
import { bitOf, type BitPlane } from '../../webview/heatmap/planeMips.ts';
import { layOutPlane } from '../../webview/heatmap/planeGeometry.ts';
import { startHarness, type Harness, type OpenPanel, type Viewport } from './harness.ts';
import { themeNames } from './themes.ts';
import { waitFor } from './waitFor.ts';

type Ready = Extract<Harness, { ok: true }>;

const CANVAS = '.heat-plane canvas';
/** CSS pixels of a weight when zoomed in all the way. */
const CELL = 24;

describe('the zeros of a run in a browser', () => {
  let harness: Harness;
  before(async () => {
    harness = await startHarness();
  });
  after(async () => {
    if (harness.ok) await harness.close();
  });

  /** Opens the tab of a run, closes it again, and finds nothing to complain of in between. */
  async function show(
    t: TestContext,
    run: string,
    look: (panel: OpenPanel, ready: Ready) => Promise<void>,
    viewport?: Viewport,
  ): Promise<void> {
    if (!harness.ok) return t.skip(harness.reason);
    const more = viewport === undefined ? {} : { viewport };
    const panel = await harness.open({ runs: [run], theme: 'dark', ...more });
    try {
      await panel.frame.click('#tab-sparsity');
      await panel.frame.locator('.density tbody td').first().waitFor();
      await look(panel, harness);
      assert.deepEqual(await panel.problems(), []);
    } finally {
      await panel.close();
    }
  }

  it('are a tab of runs that make some, and of no other', async (t) => {
    if (!harness.ok) return t.skip(harness.reason);
    const panel = await harness.open({ runs: ['tiny'], theme: 'dark' });
    await panel.frame.locator('#tab-results').waitFor();
    assert.equal(await panel.frame.locator('#tab-sparsity').count(), 0);
    const stages = await panel.frame.locator('.stage:visible').allTextContents();
    assert.ok(!stages.some((text) => text.includes('Sparsify')), stages.join());
    await panel.close();
  });

  it('appear block by block while the run makes them', (t) =>
    show(t, 'tiny-sparsifying', async ({ frame }, ready) => {
      const filled = frame.locator('.density td:not(:empty)');
      // Two blocks of seven maps and their means.
      assert.equal(await filled.count(), 16);
      assert.match(await frame.locator('.sparsity .empty-words').innerText(), /when all blocks/);
      const run = ready.recorded('tiny-sparsifying');
      const { length } = await frame.locator('.density td').all();
      assert.equal(length, 32);
      // Progress, and then the zeros of a block.
      assert.ok(run.next() && run.next());
      await waitFor(async () => (await filled.count()) === 24);
      assert.equal(await frame.locator('.weight:visible').count(), 0);
      while (run.next());
      await frame.locator('.weight h2').waitFor();
      await waitFor(async () => (await filled.count()) === 32);
      await frame.locator('.heat-plane canvas').waitFor();
    }));

  it('say at each cell what was kept, and colour it so', (t) =>
    show(t, 'mid-sparse', async (panel, ready) => {
      const { frame, page } = panel;
      const found = mapOf(ready, 'mid-sparse', 3, 'v');
      const cell = frame.locator('.density tbody tr').nth(3).locator('td').nth(2);
      const share = found.kept / (found.rows * found.columns);
      assert.equal(await cell.innerText(), `${Math.round(share * 100)}%`);
      const [red, green, blue] = rgbOf(ramp('cividis')[Math.round(share * 255)]!);
      const style = await frame.evaluate<string>(
        "getComputedStyle(document.querySelectorAll('.density tbody tr')[3].cells[3]).backgroundColor",
      );
      assert.equal(style, `rgb(${red}, ${green}, ${blue})`);
      await frame.locator('.density td[tabindex="0"]').focus();
      for (const key of ['ArrowRight', 'ArrowRight', 'ArrowDown', 'ArrowDown', 'ArrowDown']) {
        await page.keyboard.press(key);
      }
      const kept = found.kept.toLocaleString('en-US');
      const words = `Block 3, v (values): ${kept} of `;
      await waitFor(async () => (await readout(panel, 0)).startsWith(words));
      await frame.locator('[aria-live]').filter({ hasText: words }).waitFor({ state: 'attached' });
      await page.keyboard.press('Enter');
      await frame.locator('h2:has-text("Zeros of v, block 3")').waitFor();
      await frame.locator('td[aria-selected="true"]').waitFor();
      assert.match(await frame.locator('.weight .note').innerText(), /SparseGPT chooses/);
    }));

  it('are those that were recorded, weight by weight', (t) =>
    show(t, 'tiny-sparse', async (panel, ready) => {
      const { frame, page } = panel;
      await frame.locator('.density tbody tr').nth(1).locator('td').nth(6).click();
      await frame.locator('h2:has-text("Weights kept of down, block 1")').waitFor();
      const plane = planeOf(ready, 'tiny-sparse', 1, 'down');
      await waitFor(async () => !(await frame.locator('.pattern .heat-message').isVisible()));
      await frame.locator(CANVAS).focus();
      for (const key of ['Enter', 'ArrowDown', 'ArrowRight', 'ArrowRight']) {
        await page.keyboard.press(key);
      }
      const state = bitOf(plane, 1, 2) ? 'kept' : 'removed';
      const words = `Row 1, column 2: ${state}; its group keeps 2 of 4`;
      await waitFor(async () => (await readout(panel, 1)) === words);
      await frame.locator('.density').hover();
      const width = await frame.evaluate<number>(
        "document.querySelector('.heat-plane').clientWidth",
      );
      const { left, top, plotWidth, plotHeight } = layOutPlane(width, 1, plane.rows, plane.columns);
      const [columns, rows] = [Math.floor(plotWidth / CELL), Math.floor(plotHeight / CELL)];
      const seen = await middles(panel, left, top, columns, rows);
      const table = ramp('cividis');
      const expected = Array.from({ length: rows }, (_, row) =>
        Array.from({ length: columns }, (_, column) =>
          rgbOf(table[bitOf(plane, row, column) ? 255 : 0]!).join(),
        ),
      ).flat();
      assert.ok(expected.length > 500);
      // The cursor is outlined and not filled.
      assert.deepEqual(seen, expected);
    }));

  it('are zoomed and moved by keys, wheel and buttons, from the whole to the last weight', (t) =>
    show(t, 'tiny-sparse', async (panel, ready) => {
      const { frame, page } = panel;
      const { rows, columns } = planeOf(ready, 'tiny-sparse', 0, 'q');
      await waitFor(async () => !(await frame.locator('.pattern .heat-message').isVisible()));
      await frame.locator(CANVAS).focus();
      const whole = await picture(panel);
      for (let i = 0; i < 8; i++) await page.keyboard.press('+');
      const near = await picture(panel);
      assert.notEqual(near, whole);
      for (let i = 0; i < rows; i++) await page.keyboard.press('ArrowDown');
      for (let i = 0; i < columns; i++) await page.keyboard.press('ArrowRight');
      const last = `Row ${rows - 1}, column ${columns - 1}: `;
      await waitFor(async () => (await readout(panel, 1)).startsWith(last));
      assert.notEqual(await picture(panel), near);
      await page.keyboard.press('Home');
      await frame
        .locator('.density')
        .first()
        .click({ position: { x: 2, y: 2 } });
      await waitFor(async () => (await picture(panel)) === whole);
      const box = (await frame.locator(CANVAS).boundingBox())!;
      await page.mouse.move(box.x + 120, box.y + 120);
      await page.mouse.wheel(0, -400);
      await waitFor(async () => (await picture(panel)) !== whole);
      await frame.getByRole('button', { name: 'Whole' }).click();
      await waitFor(async () => (await picture(panel)) === whole);
      await frame.getByRole('button', { name: 'Single weights' }).click();
      await waitFor(async () => (await picture(panel)) !== whole);
    }));

  it('are told of at the cursor also when it moved before they came', (t) =>
    show(t, 'wide-sparse', async (panel) => {
      const { frame, page } = panel;
      await waitFor(async () => !(await frame.locator('.pattern .heat-message').isVisible()));
      await frame.locator('.density tbody td').nth(1).click();
      await frame.locator('h2:has-text("Weights kept of up, block 0")').waitFor();
      await frame.locator(CANVAS).focus();
      await page.keyboard.press('ArrowRight');
      await waitFor(async () => /^Rows? 0.*, columns? \d/.test(await readout(panel, 1)));
    }));

  it('say whether 2:4 hardware could use them, and what they cost here', (t) =>
    show(t, 'wide-sparse', async ({ frame }) => {
      const verdict = frame.locator('.pattern > .note');
      // Gate competes along its outputs, down along its inputs.
      await waitFor(async () => /Not in the form of 2:4/.test(await verdict.innerText()));
      await frame.locator('.density tbody td').nth(2).click();
      await waitFor(async () => /^2 of 4 .*In the form of 2:4/.test(await verdict.innerText()));
      const speed = await frame.locator('.sparsity .facts + .note').innerText();
      assert.match(
        speed,
        /zeros like any number: the sparse decoder reads a prompt as fast as the dense one/,
      );
      assert.match(speed, /Stored without its zeros the checkpoint takes [\d.]+.MB/);
    }));

  it('hold the scores of each weight, kept and removed apart', (t) =>
    show(t, 'tiny-sparse', async ({ frame }, ready) => {
      const { kept, rows, columns } = mapOf(ready, 'tiny-sparse', 0, 'q');
      await frame.locator('.weight canvas[aria-label$="removed."]').waitFor();
      const label = await frame.locator('.weight canvas').getAttribute('aria-label');
      const [k, r] = [kept, rows * columns - kept].map((value) => value.toLocaleString('en-US'));
      assert.ok(label?.endsWith(`${k} kept, ${r} removed.`), label ?? '');
      const facts = await frame.locator('.weight dl').innerText();
      assert.match(facts, /[\d.]+% → [\d.]+% by reforming/);
      await frame.getByRole('radio', { name: 'Error left' }).click();
      const { error } = mapOf(ready, 'tiny-sparse', 2, 'gate');
      const cell = frame.locator('.density tbody tr').nth(2).locator('td').nth(4);
      const left = `${Math.round((100 * error!.after) / error!.before)}%`;
      await waitFor(async () => (await cell.innerText()) === left);
    }));

  it('are numbers in a table, too, from which a weight can be chosen', (t) =>
    show(t, 'tiny-sparse', async ({ frame }, ready) => {
      await frame.getByRole('button', { name: 'Show as table' }).click();
      const rows = frame.locator('.sparsity .table tbody tr');
      await rows.first().waitFor();
      assert.equal(await rows.count(), 28);
      const { kept } = mapOf(ready, 'tiny-sparse', 2, 'up');
      const row = frame.locator('.sparsity .table tr[data-key="2 up"]');
      assert.ok((await row.innerText()).includes(kept.toLocaleString('en-US')));
      await row.click();
      await frame.locator('h2:has-text("Zeros of up, block 2")').waitFor();
      // What is looked at outlives a reload.
      await frame.goto(frame.url());
      await frame.locator('.sparsity .table tr[data-key="2 up"][aria-selected="true"]').waitFor();
    }));

  it('have nothing that axe complains of, in any theme', (t) =>
    show(t, 'tiny-sparse', async (panel) => {
      for (const theme of themeNames) {
        await panel.setTheme(theme);
        await panel.screenshot(`sparsity-${theme}`);
        assert.deepEqual(await panel.axe(), [], theme);
      }
      await panel.frame.click('#tab-results');
      await panel.frame.locator('.steps').waitFor();
      for (const theme of themeNames) {
        await panel.setTheme(theme);
        assert.deepEqual(await panel.axe(), [], `${theme} results`);
      }
    }));

  it('do not make the page wider than it is', (t) =>
    show(
      t,
      'mid-sparse',
      async (panel) => {
        const { frame } = panel;
        const over = await frame.evaluate<number>(
          'document.documentElement.scrollWidth - document.documentElement.clientWidth',
        );
        assert.ok(over <= 0, `${over} pixels too wide`);
        await panel.screenshot('sparsity-320');
      },
      { width: 320, height: 900 },
    ));

  it('stand in the results as steps, each against the one before', (t) =>
    show(t, 'tiny-sparse', async ({ frame }, ready) => {
      await frame.click('#tab-results');
      const rows = frame.locator('.steps tbody tr');
      await rows.first().waitFor();
      const names = await rows.locator('th').allTextContents();
      assert.deepEqual(names, ['Dense', 'Searched', 'Reformed', 'Sparse', 'Quantised to int8']);
      const { figures } = new RunReader(ready.recorded('tiny-sparse').folder).current();
      const change = figures.sparse!.perplexity! / figures.reformed!.perplexity! - 1;
      const cell = await rows.nth(3).locator('td').first().innerText();
      assert.ok(cell.includes(`+${(100 * change).toFixed(1)}%`), cell);
      assert.match(await frame.locator('.export').last().innerText(), /^Compressed checkpoint/);
    }));
});

function mapOf(ready: Ready, name: string, block: number, map: MapName): SparseMap {
  const { maps } = new RunReader(ready.recorded(name).folder).sparsity();
  return maps.find((one) => one.block === block && one.map === map)!;
}

function planeOf(ready: Ready, name: string, block: number, map: MapName): BitPlane {
  return new RunReader(ready.recorded(name).folder).weightPattern(block, map);
}

/** What a line below a picture says: 0 for all weights, 1 for one. */
async function readout({ frame }: OpenPanel, at: number): Promise<string> {
  return (await frame.locator('.sparsity .heat-readout').nth(at).textContent()) ?? '';
}

/** All pixels of the pattern, once what was asked for is drawn. */
async function picture({ frame }: OpenPanel): Promise<string> {
  return frame.evaluate<string>(
    `new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {
      done(document.querySelector('${CANVAS}').toDataURL());
    })))`,
  );
}

/** Colours in the middles of the first cells, row by row. */
async function middles(
  { frame }: OpenPanel,
  left: number,
  top: number,
  columns: number,
  rows: number,
): Promise<string[]> {
  const size = `${left}, ${top}, ${columns * CELL}, ${rows * CELL}`;
  return frame.evaluate<string[]>(
    `new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {
      const { data } = document.querySelector('${CANVAS}').getContext('2d').getImageData(${size});
      const colours = [];
      for (let row = 0; row < ${rows}; row++) {
        for (let column = 0; column < ${columns}; column++) {
          const y = row * ${CELL} + ${CELL / 2};
          const at = 4 * (y * ${columns * CELL} + column * ${CELL} + ${CELL / 2});
          colours.push([data[at], data[at + 1], data[at + 2]].join());
        }
      }
      done(colours);
    })))`,
  );
}
