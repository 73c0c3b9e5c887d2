import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it, type TestContext } from 'node:test';
import { acceptsValue } from '../../src/protocol/acceptsValue.ts';
import { panelParams } from '../../src/protocol/panelParams.ts';
import type { ThemeName } from '../vscode/workbench.ts';
import { startHarness, type Harness, type OpenPanel, type Viewport } from './harness.ts';

type Ready = Extract<Harness, { ok: true }>;

const themes: readonly ThemeName[] = ['dark', 'light', 'hcDark', 'hcLight'];
const PAINTED = "performance.getEntriesByName('subnet:painted').length";

describe('the dashboard in a browser', () => {
  let harness: Harness;
  before(async () => {
    harness = await startHarness();
  });
  after(async () => {
    if (harness.ok) await harness.close();
  });

  /** Opens a panel, closes it again, and finds nothing to complain of in between. */
  async function show(
    t: TestContext,
    options: { runs: readonly string[]; theme?: ThemeName; viewport?: Viewport; select?: string },
    look: (panel: OpenPanel, ready: Ready) => Promise<void>,
  ): Promise<void> {
    if (!harness.ok) return t.skip(harness.reason);
    const panel = await harness.open({ theme: 'dark', ...options });
    try {
      await panel.frame.locator('h1').waitFor();
      await look(panel, harness);
      assert.deepEqual(await panel.problems(), []);
    } finally {
      await panel.close();
    }
  }

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

  it('shows the settings of the run read-only, and writes the file only when it is saved', (t) =>
    show(t, { runs: ['tiny-running'] }, async ({ frame }, ready) => {
      const path = ready.recorded('tiny-running').configPath;
      const before = readFileSync(path, 'utf8');
      await frame.click('#tab-config');
      const field = frame.locator('.field:visible', { has: frame.locator('[aria-label="ratio"]') });
      const input = field.locator('input');
      await frame.locator('.config h2:has-text("Settings of this run")').waitFor();
      assert.ok(await input.isDisabled());
      await frame.locator('.config vscode-dropdown').click();
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
      await frame.locator('.config vscode-dropdown').click();
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
      assert.deepEqual(await frame.locator('.stage:visible .stage-name').allInnerTexts(), [
        ...['Import', 'Sparsify', 'Evaluate', 'Export'],
      ]);
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
      const summary = await frame.locator('.fitness canvas').getAttribute('aria-label');
      assert.match(count, new RegExp(`^${judged} evaluated`));
      assert.match(summary!, new RegExp(` of ${judged} subnets`));
    }));

  it('says how long a run has taken, and how long all of it will take', (t) =>
    show(t, { runs: ['mid-running'] }, async ({ frame }) => {
      assert.match(await frame.locator('.run-time').innerText(), /elapsed · run: .* left/);
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
        const scroll = frame.locator('#panel-results .table-scroll').first();
        await scroll.evaluate('(node) => { node.scrollLeft = 1e6; }');
        const last = frame.locator('#panel-results .bars tbody tr').first().locator('td').last();
        const seen = (await last.boundingBox())!;
        assert.ok(seen.x + seen.width <= width + 1, 'the last column cannot be reached');
        assert.deepEqual(await panel.axe(), []);
        await panel.screenshot(`dashboard-results-${width}`);
      }));
  }

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

/** Waits for what will be true soon. */
async function waitFor(condition: () => boolean | Promise<boolean>): Promise<void> {
  const until = Date.now() + 10_000;
  while (!(await condition())) {
    assert.ok(Date.now() < until, 'it did not come');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
