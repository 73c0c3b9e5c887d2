import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ThemeName } from '../vscode/workbench.ts';
import { usePanels } from './showPanel.ts';
import { waitFor } from './waitFor.ts';

const themes: readonly ThemeName[] = ['dark', 'light', 'hcDark', 'hcLight'];
const PAINTED = "performance.getEntriesByName('subnet:painted').length";

describe('the dashboard in a browser', () => {
  const show = usePanels();

  for (const theme of themes) {
    it(`shows every part of a finished run without a fault, ${theme}`, (t) =>
      show(t, { runs: ['mid'], theme }, async (panel) => {
        const { frame } = panel;
        await frame.locator('.subnets tbody tr').first().waitFor();
        assert.equal(await frame.evaluate(PAINTED), 1);
        for (const tab of ['overview', 'masks', 'results', 'config', 'log']) {
          await frame.click(`#tab-${tab}`);
          await frame.locator(`#panel-${tab} section`).first().waitFor();
          await panel.page.waitForTimeout(150);
          assert.deepEqual(await panel.axe(), [], tab);
          await panel.screenshot(`dashboard-${tab}-${theme}`);
        }
      }));
  }

  it('shows a comparison without a fault, and marks what is better', (t) =>
    show(t, { runs: ['mid', 'mid-60'], theme: 'light' }, async (panel) => {
      const { frame } = panel;
      await frame.locator('td.best').first().waitFor();
      assert.deepEqual(await panel.axe(), []);
      await panel.screenshot('compare-overview-light');
      await frame.click('#tab-config');
      const settings = frame.locator('#panel-config tbody th');
      await waitFor(async () => (await settings.allTextContents()).includes('ratio'));
      const differing = await settings.count();
      await frame.locator('#panel-config vscode-checkbox').click();
      await waitFor(async () => (await settings.count()) > differing);
      await frame.click('#tab-masks');
      await frame.locator('#panel-masks canvas').first().waitFor();
    }));

  for (const run of ['tiny-starting', 'tiny-failed', 'tiny-stopped', 'tiny-first-version']) {
    it(`shows ${run} without a fault`, (t) =>
      show(t, { runs: [run], theme: 'hcLight' }, async (panel) => {
        await panel.frame.locator('.stages').waitFor();
        assert.deepEqual(await panel.axe(), []);
      }));
  }

  it('tells why a run failed, and offers to go on', (t) =>
    show(t, { runs: ['tiny-failed'] }, async ({ frame, ...panel }) => {
      assert.match(await frame.locator('.banner.error').innerText(), /The run failed/);
      await frame.locator('vscode-button[data-action="resume"]').click();
      await waitFor(() => panel.session().acts.length === 1);
      assert.equal(panel.session().acts[0]?.action, 'resume');
    }));

  it('says what to do about a run it cannot read', (t) =>
    show(t, { runs: ['tiny-newer'] }, async ({ frame }) => {
      assert.match(await frame.locator('.failure').innerText(), /newer version/);
    }));

  it('follows a run event by event', (t) =>
    show(t, { runs: ['tiny-running'] }, async ({ frame }, ready) => {
      const count = frame.locator('.tile-value').nth(1);
      const begun = Number(await count.innerText());
      const run = ready.recorded('tiny-running');
      for (let i = 0; i < 12; i++) run.next();
      await waitFor(async () => Number(await count.innerText()) > begun);
    }));

  it('asks for everything again when it has missed something, and goes on', (t) =>
    show(t, { runs: ['tiny-running'] }, async ({ frame }, ready) => {
      const run = ready.recorded('tiny-running');
      const count = frame.locator('.tile-value').nth(1);
      const begun = Number(await count.innerText());
      const lost = { run: run.id, from: 1_000_000, events: [] };
      const message = { jsonrpc: '2.0', method: 'runEvents', params: lost };
      await frame.evaluate(`window.postMessage(${JSON.stringify(message)})`);
      for (let i = 0; i < 12; i++) run.next();
      await waitFor(async () => Number(await count.innerText()) > begun);
    }));

  it('keeps what was selected when the page is loaded again', (t) =>
    show(t, { runs: ['mid'] }, async ({ frame }) => {
      const row = frame.locator('.subnets tbody tr').nth(3);
      const key = await row.getAttribute('data-key');
      await row.click();
      await frame.locator(`.selected h2:has-text("${key!.slice(0, 8)}")`).waitFor();
      await frame.click('#tab-results');
      await frame.goto(frame.url());
      await frame.locator('#tab-results[aria-selected="true"]').waitFor();
      await frame.click('#tab-overview');
      await frame.locator(`.subnets tr[data-key="${key}"][aria-selected="true"]`).waitFor();
    }));

  it('selects the subnet its host asks for', (t) =>
    show(t, { runs: ['mid'] }, async ({ frame, ...panel }, ready) => {
      const key = await frame.locator('.subnets tbody tr').nth(5).getAttribute('data-key');
      panel.session().select(ready.recorded('mid').id, key!);
      await frame.locator(`.subnets tr[data-key="${key}"][aria-selected="true"]`).waitFor();
    }));

  it('can be worked by keys alone: tabs, table and plot', (t) =>
    show(t, { runs: ['mid'] }, async ({ frame, page }) => {
      await frame.locator('.subnets tbody tr').first().waitFor();
      await frame.locator('#tab-overview').focus();
      await page.keyboard.press('ArrowRight');
      await frame.locator('#tab-masks[aria-selected="true"]').waitFor();
      await page.keyboard.press('Home');
      const row = frame.locator('.subnets tbody tr[tabindex="0"]');
      // A row of a tab that is still hidden takes no focus.
      await row.waitFor({ state: 'visible' });
      await row.focus();
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('Enter');
      await frame.locator('.subnets tbody tr:nth-child(2)[aria-selected="true"]').waitFor();
      await frame.locator('.fitness .plot').focus();
      await page.keyboard.press('ArrowLeft');
      await frame.locator('.fitness .hover-card').waitFor();
      const said = frame.locator('body > [aria-live]');
      await waitFor(async () =>
        /search perplexity [\d.]+, generation \d+/.test(await said.innerText()),
      );
      await page.keyboard.press('Enter');
      await waitFor(async () => (await said.innerText()).startsWith('Selected'));
      await page.keyboard.press('+');
      await frame
        .locator('.fitness vscode-button[aria-label="Show everything"]:not([disabled])')
        .waitFor();
      await page.keyboard.press('0');
      await frame
        .locator('.fitness vscode-button[aria-label="Show everything"][disabled]')
        .waitFor();
    }));

  it('selects the candidate under a click on the plot, and shows its figures when hovered', (t) =>
    show(t, { runs: ['mid'] }, async ({ frame, page }) => {
      const plot = frame.locator('.fitness .plot');
      await frame.locator('.subnets tbody tr').first().waitFor();
      const box = (await plot.boundingBox())!;
      const card = frame.locator('.fitness .hover-card');
      let [x, y] = [box.x + 60, box.y + box.height / 2];
      for (; x < box.x + box.width && !(await card.isVisible()); x += 6) {
        y = box.y + (0.2 + 0.6 * Math.random()) * box.height;
        await page.mouse.move(x, y);
      }
      const title = await frame.locator('.fitness .hover-title').innerText();
      assert.match(await card.innerText(), /Generation/);
      await page.mouse.down();
      await page.mouse.up();
      const key = title.split(' ').at(-1)!;
      await frame.locator(`.selected h2:has-text("${key}")`).waitFor();
    }));

  it('does not scroll sideways from 380 to 2000 pixels', async (t) => {
    for (const width of [380, 720, 2000]) {
      await show(t, { runs: ['mid'], viewport: { width, height: 900 } }, async (panel) => {
        await panel.frame.locator('.subnets tbody tr').first().waitFor();
        const over = await panel.frame.evaluate<number>(
          'document.documentElement.scrollWidth - document.documentElement.clientWidth',
        );
        assert.ok(over <= 0, `${over} pixels too wide at ${width}`);
        await panel.screenshot(`dashboard-${width}`);
      });
    }
  });

  it('takes another theme at once, its plots too', (t) =>
    show(t, { runs: ['mid'] }, async ({ frame, ...panel }) => {
      const pixel = `(() => {
        const canvas = document.querySelector('.fitness canvas');
        return [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data]
          .reduce((sum, value) => (sum * 31 + value) >>> 0, 7);
      })()`;
      await frame.locator('.subnets tbody tr').first().waitFor();
      const dark = await frame.evaluate(pixel);
      await panel.setTheme('light');
      await waitFor(async () => (await frame.evaluate(pixel)) !== dark);
    }));
});
