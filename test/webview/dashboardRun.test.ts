import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { RunReader } from '../../src/dashboard/reader/runReader.ts';
import { acceptsValue } from '../../src/protocol/acceptsValue.ts';
import { panelParams } from '../../src/protocol/panelParams.ts';
import { usePanels } from './showPanel.ts';
import { waitFor } from './waitFor.ts';

describe('what a run tells on its dashboard', () => {
  const show = usePanels();

  it('shows the settings of the run read-only, and writes the file only when it is saved', (t) =>
    show(t, { runs: ['tiny-running'] }, async ({ frame }, ready) => {
      const path = ready.recorded('tiny-running').configPath;
      const before = readFileSync(path, 'utf8');
      await frame.click('#tab-config');
      const field = frame.locator('.field:visible', { has: frame.locator('[aria-label="ratio"]') });
      const input = field.locator('input');
      await frame.locator('.config h2:has-text("Settings of this run")').waitFor();
      assert.ok(await input.isDisabled());
      await frame.locator('.config .panel-head vscode-dropdown').click();
      await frame.getByRole('option', { name: 'Config file' }).click();
      await input.fill('7');
      await input.press('Enter');
      await field.locator('.field-problem:visible').waitFor();
      await input.fill('0.55');
      await input.press('Enter');
      await field.locator('.field-problem').waitFor({ state: 'hidden' });
      const save = frame.locator('vscode-button[data-action="saveConfig"]');
      await save.waitFor();
      assert.equal(readFileSync(path, 'utf8'), before);
      await save.click();
      await save.waitFor({ state: 'hidden' });
      assert.match(readFileSync(path, 'utf8'), /"ratio": 0\.55/);
      assert.match(await frame.locator('.config .banner').innerText(), /has changed/);
      await frame.locator('.config .panel-head vscode-dropdown').click();
      await frame.getByRole('option', { name: 'Settings of this run' }).click();
      await waitFor(async () => (await input.inputValue()) === '0.7');
    }));

  it('sends with each button what the host accepts', (t) =>
    show(t, { runs: ['mid'] }, async ({ frame, ...panel }, ready) => {
      const key = await frame
        .locator('.subnets tr:has(.tag:text-is("Searched"))')
        .getAttribute('data-key');
      const { acts } = panel.session();
      const press = async (scope: string, label: string): Promise<void> => {
        const count = acts.length;
        await frame.locator(`${scope} vscode-button:has-text("${label}")`).first().click();
        await waitFor(() => acts.length === count + 1);
      };
      await press('.selected', 'Open Config Beside');
      await press('.selected', 'Insert Loader');
      await press('.banner', 'Open Config Beside');
      await press('.banner', 'Insert Loader');
      await frame.click('#tab-results');
      await press('.export', 'Open Beside');
      await press('.export', 'Insert Loader');
      const run = ready.recorded('mid').id;
      assert.deepEqual(
        acts.map(({ action }) => action),
        [
          'openSubnetBeside',
          'insertLoader',
          'openSubnetBeside',
          'insertLoader',
          'openSubnetBeside',
          'insertLoader',
        ],
      );
      for (const asked of acts) {
        assert.ok(acceptsValue(panelParams.act, asked), JSON.stringify(asked));
        assert.deepEqual([asked.run, asked.subnet], [run, key]);
      }
    }));

  it('shows a run that only puts zeros into weights as such', (t) =>
    show(t, { runs: ['tiny-zeros'] }, async (panel) => {
      const { frame } = panel;
      await frame.locator('#panel-overview .bars tbody tr').first().waitFor();
      assert.equal(await frame.locator('#tab-masks').count(), 0);
      assert.equal(await frame.locator('#tab-sparsity').count(), 1);
      assert.deepEqual(
        await frame.locator('.stage:visible .stage-name > :last-child').allInnerTexts(),
        [...['Import', 'Sparsify', 'Evaluate', 'Export']],
      );
      for (const part of ['.fitness', '.subnets', '.selected']) {
        assert.equal(await frame.locator(`${part}:visible`).count(), 0, part);
      }
      assert.deepEqual(await panel.axe(), []);
      await panel.screenshot('dashboard-zeros');
    }));

  it('counts subnets alike everywhere', (t) =>
    show(t, { runs: ['tiny-running'] }, async ({ frame }) => {
      await frame.locator('.subnets tbody tr').first().waitFor();
      const judged = await frame.locator('.tile-value').nth(1).innerText();
      const count = await frame.locator('.subnets .count').innerText();
      const summary = await frame.locator('.fitness .plot canvas').getAttribute('aria-label');
      assert.match(count, new RegExp(`^${judged} evaluated`));
      assert.match(summary!, new RegExp(` of ${judged} subnets`));
    }));

  it('says how long a run has taken, and how long all of it will take', (t) =>
    show(t, { runs: ['mid-running'] }, async ({ frame }) => {
      assert.match(await frame.locator('.run-time').innerText(), /elapsed · run: .* left/);
    }));

  it('shows the progress of work on a subnet, and then what came out', (t) =>
    show(t, { runs: ['tiny'] }, async ({ frame, ...panel }, ready) => {
      const { id, folder } = ready.recorded('tiny');
      const { nextSeq } = new RunReader(folder).current();
      const key = 'ab'.repeat(8);
      const send = async (from: number, bodies: readonly object[]): Promise<void> => {
        const events = bodies.map((body, at) => ({ ...body, seq: from + at, timeMs: Date.now() }));
        const message = { jsonrpc: '2.0', method: 'runEvents', params: { run: id, from, events } };
        await frame.evaluate(`window.postMessage(${JSON.stringify(message)})`);
      };
      const work = frame.locator('.work:visible');
      assert.equal(await work.count(), 0);
      panel.session().tellStanding(id, { busyWith: 'Evaluating a subnet' });
      await send(nextSeq, [
        { kind: 'subnetStarted', key, reform: false, evaluate: true, forms: [] },
        { kind: 'stageStarted', stage: 'evaluate' },
        { kind: 'stageProgress', stage: 'evaluate', done: 5, total: 10, etaMs: 4000 },
      ]);
      await waitFor(async () => (await work.innerText()).includes('Evaluate, 50%'));
      assert.equal(await work.locator('[role="progressbar"]').getAttribute('aria-valuenow'), '50');
      const figure = {
        ...{ params: 1000, blockParams: 500, perplexity: 3.25, bytes: 2000 },
        ...{ prefillMs: 1, decodeMs: 1, peakBytes: null },
      };
      const report = { key, figure, reformed: null, exports: [] };
      await send(nextSeq + 3, [{ kind: 'subnetReported', report }]);
      panel.session().tellStanding(id, { busyWith: null });
      await waitFor(async () => /finished[^]*perplexity 3\.25/.test(await work.innerText()));
      await frame.locator('[aria-live]').filter({ hasText: '3.25' }).waitFor({ state: 'attached' });
    }));

  it('keeps the dense model and the best in sight when keys zoom in', (t) =>
    show(t, { runs: ['mid'] }, async ({ frame, page }) => {
      await frame.locator('.subnets tbody tr').first().waitFor();
      assert.match(await frame.locator('.fitness .legend').innerText(), /Dense/);
      const plot = frame.locator('.fitness .plot');
      await plot.focus();
      for (let i = 0; i < 6; i++) await page.keyboard.press('+');
      const best = await frame.locator('.subnets tbody tr').first().getAttribute('data-key');
      // Walked to from the last improvement, the best has a place on the plot.
      await page.keyboard.press('End');
      await page.keyboard.press('ArrowUp');
      await frame.locator('.fitness .hover-card').waitFor();
      assert.match(
        await frame.locator('.fitness .hover-title').innerText(),
        new RegExp(best!.slice(0, 8)),
      );
    }));

  it('says why a run has no row of reformed weights', (t) =>
    show(t, { runs: ['tiny-rejected'] }, async (panel) => {
      const { frame } = panel;
      await frame.click('#tab-results');
      const figures = frame.locator('#panel-results section', { hasText: 'Results by step' });
      await figures.locator('tbody tr').first().waitFor();
      assert.equal(await figures.locator('tr.figure-reformed').count(), 0);
      assert.match(
        await figures.locator('.verdicts').innerText(),
        /^Reform rejected: no certain gain on 4080 tokens that were not fitted/,
      );
      await panel.screenshot('dashboard-rejected');
    }));

  for (const theme of ['dark', 'light', 'hcDark', 'hcLight'] as const) {
    it(`has a header of a few lines in a narrow panel when a run has finished, ${theme}`, (t) =>
      show(t, { runs: ['mid'], theme, viewport: { width: 330, height: 830 } }, async (panel) => {
        const { frame } = panel;
        await frame.locator('.subnets tbody tr').first().waitFor();
        await panel.screenshot(`dashboard-finished-330-${theme}`);
        const { height } = (await frame.locator('.header').boundingBox())!;
        assert.ok(height <= 250, `the header takes ${height} of 830 pixels`);
        const shown = await frame.locator('.tile').allInnerTexts();
        assert.equal(shown.filter((text) => /from /.test(text)).length, 5, shown.join());
        assert.deepEqual(await panel.axe(), []);
      }));
  }

  for (const width of [541, 500, 330]) {
    it(`has room for its content at ${width} pixels, and hides no number without a sign`, (t) =>
      show(t, { runs: ['mid-running'], viewport: { width, height: 830 } }, async (panel) => {
        const { frame } = panel;
        await frame.locator('.subnets tbody tr').first().waitFor();
        const tabs = (await frame.locator('.tab-list').boundingBox())!;
        const most = width < 400 ? 400 : 300;
        assert.ok(tabs.y < most, `the header takes ${tabs.y} of 830 pixels`);
        const boxes = await Promise.all(
          (await frame.locator('.actions-row vscode-button:visible').all()).map((one) =>
            one.boundingBox(),
          ),
        );
        boxes.forEach((a, at) => {
          for (const b of boxes.slice(at + 1)) {
            const apart = a!.x + a!.width <= b!.x + 0.5 || b!.x + b!.width <= a!.x + 0.5;
            const below = a!.y + a!.height <= b!.y + 0.5 || b!.y + b!.height <= a!.y + 0.5;
            assert.ok(apart || below, 'a button covers another');
          }
        });
        await panel.screenshot(`dashboard-running-${width}`);
      }));

    it(`shows figures of results at ${width} pixels`, (t) =>
      show(t, { runs: ['mid'], viewport: { width, height: 830 } }, async (panel) => {
        const { frame } = panel;
        await frame.click('#tab-results');
        const figure = frame.locator('#panel-results .bars tbody tr').first().locator('td').first();
        await figure.waitFor();
        const box = (await figure.boundingBox())!;
        assert.ok(box.x + box.width <= width, 'the first figure is out of sight');
        await frame.locator('#panel-results .more-columns:visible').first().waitFor();
        await frame.evaluate(
          "document.querySelector('#panel-results .table-scroll').scrollLeft = 1e6",
        );
        const last = frame.locator('#panel-results .bars tbody tr').first().locator('td').last();
        const seen = (await last.boundingBox())!;
        assert.ok(seen.x + seen.width <= width + 1, 'the last column cannot be reached');
        assert.deepEqual(await panel.axe(), []);
        await panel.screenshot(`dashboard-results-${width}`);
      }));
  }
});
