import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { ThemeName } from '../vscode/workbench.ts';
import { COMPARED_ROWS, comparedContent, comparedTable } from '../fixtures/recordedComparison.ts';
import { startHarness, type Harness, type OpenPanel, type Viewport } from './harness.ts';
import { waitFor } from './waitFor.ts';

const themes: readonly ThemeName[] = ['dark', 'light', 'hcDark', 'hcLight'];
const OVERFLOW = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
const PIXELS = `(() => {
  const canvas = document.querySelector('.methods-plot canvas');
  return [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data]
    .reduce((sum, value) => (sum * 31 + value) >>> 0, 7);
})()`;

describe('the page of a comparison of methods', () => {
  let harness: Harness;
  before(async () => {
    harness = await startHarness();
  });
  after(async () => {
    if (harness.ok) await harness.close();
  });

  /** Opens a page, closes it again, and finds nothing to complain of in between. */
  async function show(
    t: TestContext,
    methods: string,
    look: (panel: OpenPanel) => Promise<void>,
    more: { readonly theme?: ThemeName; readonly viewport?: Viewport } = {},
  ): Promise<void> {
    if (!harness.ok) return t.skip(harness.reason);
    const panel = await harness.open({ runs: [], methods, theme: 'dark', ...more });
    try {
      await panel.frame.locator('h1').waitFor();
      await look(panel);
      assert.deepEqual(await panel.problems(), []);
    } finally {
      await panel.close();
    }
  }

  for (const theme of themes) {
    it(`shows a finished one without a fault, ${theme}`, (t) =>
      show(
        t,
        'methods',
        async (panel) => {
          const { frame } = panel;
          await frame.locator('.method-table').nth(2).waitFor();
          assert.equal(
            await frame.evaluate("performance.getEntriesByName('subnet:painted').length"),
            1,
          );
          assert.deepEqual(await panel.axe(), []);
          await panel.screenshot(`methods-${theme}`);
          await frame.locator('vscode-button[aria-label="Show as table"]').click();
          await frame.locator('.twin tbody tr').first().waitFor();
          assert.deepEqual(await panel.axe(), [], 'as a table');
        },
        { theme },
      ));
  }

  for (const name of ['methods-empty', 'methods-queued', 'methods-stopped', 'methods-failed']) {
    it(`shows ${name} without a fault`, (t) =>
      show(
        t,
        name,
        async (panel) => {
          await panel.frame.locator('.state .codicon').waitFor();
          assert.deepEqual(await panel.axe(), []);
        },
        { theme: 'hcLight' },
      ));
  }

  it('marks the best of each column by an icon and a word, not by colour alone', (t) =>
    show(t, 'methods', async ({ frame }) => {
      const table = frame.locator('.method-table', { hasText: 'MLP only' });
      const best = table.locator('.best');
      await best.first().waitFor();
      assert.equal(await best.count(), 3);
      const row = table.locator('tr', { hasText: 'Ours' });
      assert.equal(await row.locator('.best .codicon-star-full').count(), 3);
      assert.match(await row.locator('.best').first().innerText(), /best:\s+2\.938/);
      assert.match(await row.locator('.method-change').first().innerText(), /^\+0\.4%$/);
    }));

  it('takes rows as they come, and says each, while focus, filter and sorting stay', (t) =>
    show(t, 'methods-running', async ({ frame, ...panel }) => {
      const words = frame.locator('.progress-words');
      await frame.locator('.method-table').first().waitFor();
      assert.equal(await words.innerText(), '18 of 76 rows');
      await choose(frame, 'What was pruned', 'All linear maps');
      const toggle = frame.locator('.toggle', { hasText: 'Wanda' });
      await toggle.focus();
      const header = frame.locator('.method-table', { hasText: 'All linear maps' });
      await header.locator('button.sort', { hasText: 'Method' }).click();
      await header.locator('button.sort', { hasText: 'Method' }).click();
      await toggle.focus();
      const before = await frame.evaluate(PIXELS);
      assert.ok(panel.comparison().next());
      await waitFor(async () => (await words.innerText()) === '19 of 76 rows');
      const said = frame.locator('body > [aria-live]');
      assert.match(
        await said.innerText(),
        /^SparseGPT 50%, All linear maps: perplexity 2\.955, \+1\.0%.* 19 of 76 rows\.$/,
      );
      await waitFor(async () => (await frame.evaluate(PIXELS)) !== before);
      assert.equal(await frame.evaluate('document.activeElement.textContent'), 'Wanda');
      const names = await header.locator('tbody th').allInnerTexts();
      assert.deepEqual(names, ['Wanda', 'SparseGPT', 'Magnitude']);
      assert.deepEqual(await legendOf(frame), ['Dense', 'Magnitude', 'Wanda', 'SparseGPT']);
    }));

  it('follows a comparison to its end', (t) =>
    show(t, 'methods-running', async ({ frame, ...panel }) => {
      await frame.locator('.method-table').first().waitFor();
      await frame.locator('vscode-button[data-action="stop"]').click();
      await waitFor(() => panel.comparison().acts.includes('stop'));
      while (panel.comparison().next());
      await frame.locator('.state', { hasText: 'Finished' }).waitFor();
      assert.equal(await frame.locator('.method-table').count(), 3);
      assert.equal(await frame.locator('.progress').isVisible(), false);
      assert.match(await frame.locator('body > [aria-live]').innerText(), /is finished/);
    }));

  it('filters by what was pruned and by pattern', (t) =>
    show(t, 'methods', async ({ frame }) => {
      const rows = frame.locator('.twin tbody tr');
      await frame.locator('vscode-button[aria-label="Show as table"]').click();
      await waitFor(async () => (await rows.count()) === 50);
      await choose(frame, 'What was pruned', 'MLP only');
      // The dense model is the measure of all of them.
      await waitFor(async () => (await rows.count()) === 16);
      await choose(frame, 'Pattern', '2:4');
      await waitFor(async () => (await rows.count()) === 6);
      await choose(frame, 'What was pruned', 'Structured');
      await waitFor(async () => (await rows.count()) === 41);
      const patterns = await frame
        .locator('[aria-label="Pattern"] vscode-option')
        .allTextContents();
      assert.deepEqual(patterns.slice(0, 2), ['All patterns', 'kept 90%']);
    }));

  it('hides a method and shows it again, and remembers it over a reload', (t) =>
    show(t, 'methods', async ({ frame }) => {
      const toggle = frame.locator('button.toggle', { hasText: 'Random' });
      await toggle.waitFor();
      const before = await frame.evaluate(PIXELS);
      await toggle.click();
      await waitFor(async () => (await toggle.getAttribute('aria-pressed')) === 'false');
      // The plot is not to be lit by the pointer when it is compared.
      await frame.locator('h1').hover();
      await waitFor(async () => (await frame.evaluate(PIXELS)) !== before);
      await choose(frame, 'What was pruned', 'Structured');
      await frame.goto(frame.url());
      await frame.locator('button.toggle[aria-pressed="false"]', { hasText: 'Random' }).waitFor();
      await waitFor(async () => !(await legendOf(frame)).includes('SparseGPT'));
    }));

  it('can be walked by keys, and tells each point', (t) =>
    show(t, 'methods', async ({ frame, page }) => {
      await frame.locator('.method-table').first().waitFor();
      await frame.locator('.methods-plot .plot').focus();
      const said = frame.locator('body > [aria-live]');
      const title = frame.locator('.hover-title');
      await page.keyboard.press('ArrowRight');
      await waitFor(async () => (await title.innerText()) === 'Magnitude 50%, MLP only');
      await page.keyboard.press('ArrowRight');
      await page.keyboard.press('ArrowDown');
      await waitFor(async () => (await title.innerText()) === 'Wanda 4:8, MLP only');
      assert.match(await said.innerText(), /perplexity 3\.002, \+2\.6%, keeps 62\.5%/);
      const everything = 'vscode-button[aria-label="Show everything"]';
      await page.keyboard.press('+');
      await frame.locator(`${everything}:not([disabled])`).waitFor();
      await page.keyboard.press('0');
      await frame.locator(`${everything}[disabled]`).waitFor();
    }));

  it('shows what lies off the chart at its edge, and all of it on a log axis', (t) =>
    show(t, 'methods-bad-baseline', async ({ frame }) => {
      const note = frame.locator('.methods-plot .plot-side > .note');
      await waitFor(async () =>
        /points are worse than the axis reaches/.test(await note.innerText()),
      );
      await frame.locator('.methods-plot vscode-checkbox').click();
      await waitFor(async () => !/worse than the axis/.test(await note.innerText()));
    }));

  it('says why a cell was left out, on hover and on focus, until Escape', (t) =>
    show(t, 'methods', async ({ frame, page }) => {
      const cell = frame.locator('.left-out').first();
      const card = frame.locator('.reason-card');
      await cell.focus();
      await waitFor(() => card.isVisible());
      assert.match(await card.innerText(), /Six blocks are too few/);
      await page.keyboard.press('Escape');
      await waitFor(async () => !(await card.isVisible()));
      await cell.hover();
      await waitFor(() => card.isVisible());
      assert.match(
        await frame.locator('.left-out-notes').innerText(),
        /Block loss kept 90%, .*Six blocks/,
      );
    }));

  it('asks its host for what buttons say, and only for what is possible', async (t) => {
    await show(t, 'methods-stopped', async ({ frame, ...panel }) => {
      await frame.locator('vscode-button[data-action="run"]', { hasText: 'Continue' }).click();
      await frame.locator('vscode-button', { hasText: 'Copy as Markdown' }).click();
      await frame.locator('vscode-button', { hasText: 'Save as CSV' }).click();
      await frame.locator('vscode-button[aria-label="Open Config"]').click();
      await waitFor(() => panel.comparison().acts.length === 4);
      assert.deepEqual(panel.comparison().acts, ['run', 'copyMarkdown', 'saveCsv', 'openConfig']);
    });
    await show(t, 'methods-untrusted', async ({ frame }) => {
      const run = frame.locator('vscode-button[data-action="run"]');
      assert.notEqual(await run.getAttribute('disabled'), null);
      assert.equal(await run.getAttribute('title'), 'This workspace is not trusted.');
    });
  });

  it('begins empty, offers to run, and becomes a table', (t) =>
    show(t, 'methods-empty', async ({ frame, ...panel }) => {
      assert.match(await frame.locator('.waiting').innerText(), /Nothing has been compared/);
      await frame.locator('vscode-button[data-action="run"]', { hasText: 'Run' }).click();
      await waitFor(() => panel.comparison().acts.includes('run'));
      panel
        .comparison()
        .tell(comparedContent(null, { job: 'running', waiting: 'The engine begins.' }));
      await frame.locator('.state', { hasText: 'Running' }).waitFor();
      panel.comparison().tell(comparedContent(comparedTable(1, 'running'), { job: 'running' }));
      await frame.locator('.methods-plot .plot-empty').waitFor();
      panel.comparison().tell(comparedContent(comparedTable(COMPARED_ROWS.length, 'finished')));
      await frame.locator('.method-table').nth(2).waitFor();
      assert.equal(await frame.locator('.waiting').isVisible(), false);
    }));

  it('says when it does not understand its host', (t) =>
    show(t, 'methods', async ({ frame, ...panel }) => {
      await frame.locator('.method-table').first().waitFor();
      panel.comparison().tell({ protocol: 1, table: 7 } as never);
      assert.match(await frame.locator('.failure').innerText(), /does not understand/);
      await frame.locator('.failure vscode-button').click();
      await frame.locator('.failure', { hasText: 'understand' }).waitFor();
    }));

  it('does not scroll sideways from 300 to 2000 pixels', async (t) => {
    for (const width of [300, 560, 2000]) {
      await show(
        t,
        'methods',
        async ({ frame, ...panel }) => {
          await frame.locator('.method-table').nth(2).waitFor();
          const over = await frame.evaluate<number>(OVERFLOW);
          assert.ok(over <= 0, `${over} pixels too wide at ${width}`);
          await panel.screenshot(`methods-${width}`);
        },
        { viewport: { width, height: 900 } },
      );
    }
  });

  it('is readable when the system forces its colours', (t) =>
    show(t, 'methods', async ({ frame, page, ...panel }) => {
      await page.emulateMedia({ forcedColors: 'active' });
      await frame.locator('.method-table').nth(2).waitFor();
      await panel.screenshot('methods-forced-colours');
      const fill = "document.querySelector('.method-time .bar-fill')";
      assert.equal(
        await frame.evaluate(`getComputedStyle(${fill}).backgroundColor`),
        'rgb(0, 0, 0)',
      );
    }));
});

/** Chooses in a dropdown as a user does. */
async function choose(frame: OpenPanel['frame'], label: string, text: string): Promise<void> {
  const box = frame.locator(`vscode-dropdown[aria-label="${label}"]`);
  await box.click();
  await box.locator('vscode-option', { hasText: text }).click();
}

async function legendOf(frame: OpenPanel['frame']): Promise<string[]> {
  return frame.locator('.methods-plot .toggle').allInnerTexts();
}
