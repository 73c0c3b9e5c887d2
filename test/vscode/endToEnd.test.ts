import assert from 'node:assert/strict';
import { cpSync, existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'node:test';
import { ROOT } from '../../scripts/package/contents.ts';
import { RECORDED } from '../fixtures/recordedRuns.ts';
import { makeRecordedRun } from '../fixtures/recordedRun.ts';
import { LONG_MS, oneEditor } from './oneEditor.ts';
import { countEvents, eventually, lockOwner, onlyRun, readJson } from './runOnDisk.ts';
import { SMALL, SPARSE, TABLE } from './smallConfigs.ts';

const VIEW = 'Subnet Studio';
const EXAMPLE = 'subnet-studio-example';
const CONFIG = 'tiny-llama.subnet.jsonc';
/** The example's comparison, which takes a quarter of an hour unless its rows are there already. */
const COMPARISON = 'tiny-llama-compare.subnet.jsonc';
/** Pictures are to be taken that people will see. */
const PICTURES = process.env['SUBNET_PICTURES'] === '1';
const TRAINING = '# Train the smaller model.\nimport torch\n\n';

describe('a new user in a real VS Code', () => {
  const editor = oneEditor((folder) => writeFileSync(join(folder, 'train.py'), TRAINING), 'dark');
  const step = editor.step;
  let runFolder = '';

  step('is told what to do in an empty workspace', async (workbench) => {
    await workbench.openView(VIEW);
    const side = workbench.page.locator('.sidebar');
    await side.locator('.monaco-button').filter({ hasText: 'Run the Bundled Example' }).waitFor();
    await side.getByText('Add the folder').waitFor();
    const titles = await workbench.paletteTitles('Subnet Studio:');
    for (const title of ['New Run Config…', 'Run the Bundled Example', 'Select Device…']) {
      assert.ok(titles.includes(`Subnet Studio: ${title}`), titles.join(', '));
    }
    // Nothing has run, so nothing can be resumed.
    assert.ok(!titles.includes('Subnet Studio: Resume'), titles.join(', '));
  });

  step('runs the bundled model through the palette', async (workbench, folder) => {
    await workbench.runCommand('Subnet Studio: Run the Bundled Example');
    await workbench.tab(CONFIG).waitFor();
    await workbench.treeRowSaying(/^tiny-llama · running/, LONG_MS);
    await eventually(async () => (await workbench.badge(VIEW)) === '1');
    runFolder = onlyRun(join(folder, EXAMPLE));
  });

  step('watches tree, status bar and dashboard advance', async (workbench) => {
    await workbench.treeRowSaying(/^tiny-llama · running · (gen|search)/, LONG_MS);
    const panel = await workbench.webview('.stage-root');
    await panel.getByText('Running').first().waitFor();
    const before = countEvents(runFolder, 'evaluated');
    await workbench.treeRowSaying(/^tiny-llama · running · generation [1-9]/, LONG_MS);
    assert.ok(countEvents(runFolder, 'evaluated') > before);
    assert.match(await workbench.page.locator('.statusbar').innerText(), /generation \d of 8/);
  });

  step('finds the run live again after the window was loaded anew', async (workbench) => {
    const engine = lockOwner(runFolder);
    await workbench.reload();
    await workbench.openView(VIEW);
    const row = await workbench.treeRowSaying(/^tiny-llama · running · generation \d/, LONG_MS);
    assert.equal(lockOwner(runFolder), engine, 'another engine works on it');
    assert.equal(countEvents(runFolder, 'runStarted'), 1);
    const panel = await workbench.webview('.stage-root', LONG_MS);
    await panel.getByText('Running').first().waitFor();
    const generation = Number(/generation (\d)/.exec(row)![1]);
    const later = new RegExp(`^tiny-llama · running · generation [${generation + 1}-9]`);
    await workbench.treeRowSaying(later, LONG_MS);
    await workbench.screenshot('running');
  });

  step('is shown a wrong value where it stands, and what is right', async (workbench, folder) => {
    const path = join(folder, EXAMPLE, CONFIG);
    const text = readFileSync(path, 'utf8');
    await workbench.openFile(CONFIG);
    await workbench.replaceText(text.replace('"ratio": 0.7', '"ratio": 7'));
    await workbench.page.locator('.editor-instance .squiggly-error').first().waitFor();
    await workbench.runCommand('View: Focus Problems (Errors, Warnings, Infos)');
    const problem = workbench.page.locator('.markers-panel .monaco-list-row');
    await problem.filter({ hasText: 'above 0 and at most 1' }).first().waitFor();
    await workbench.runCommand('View: Toggle Panel Visibility');
    await workbench.openFile(CONFIG);
    await workbench.replaceText(text);
    await workbench.page
      .locator('.editor-instance .squiggly-error')
      .first()
      .waitFor({ state: 'detached' });
    await workbench.save();
  });

  step('keeps the best of what was searched, and ends with verified exports', async (workbench) => {
    await workbench.runCommand('Subnet Studio: Stop and Keep Best');
    await workbench.treeRowSaying(/^tiny-llama · finished/, LONG_MS);
    const results = readJson(join(runFolder, 'results.json')) as {
      readonly exports: readonly { readonly form: string; readonly verified: unknown }[];
      readonly figures: Readonly<Record<string, { readonly perplexity: number } | null>>;
    };
    for (const { form, verified } of results.exports) {
      if (form !== 'subnet') assert.notEqual(verified, null, form);
    }
    const [dense, reformed] = [results.figures['dense'], results.figures['reformed']];
    assert.ok(reformed!.perplexity < 1.2 * dense!.perplexity);
    const panel = await workbench.webview('.stage-root');
    await panel.getByText('Finished').first().waitFor();
    assert.equal(await workbench.badge(VIEW), '');
  });

  step('reads the masks of the best subnet', async (workbench) => {
    await workbench.runCommand('Notifications: Clear All Notifications');
    await workbench.runCommand('View: Close All Editors');
    await workbench.runCommand('Subnet Studio: Open Dashboard');
    const panel = await workbench.webview('.stage-root');
    await panel.getByText('Finished').first().waitFor();
    await workbench.screenshot('dashboard');
    await panel.getByRole('tab', { name: 'Masks' }).click();
    await panel.locator('canvas').filter({ visible: true }).first().waitFor();
    await workbench.page.waitForTimeout(1000);
    await workbench.screenshot('masks');
    assert.equal(await panel.getByText('Try again').filter({ visible: true }).count(), 0);
  });

  step(
    'has the exported subnet beside the training code, and the lines that load it',
    async (workbench, folder) => {
      await workbench.openFile('train.py');
      await workbench.goTo(3);
      await workbench.runCommand('Subnet Studio: Open Subnet Config Beside');
      await workbench.tab('subnet.json').waitFor();
      const groups = await workbench.tabs();
      const groupOf = (name: string): number => groups.findIndex((tabs) => tabs.includes(name));
      assert.notEqual(groupOf('train.py'), groupOf('subnet.json'), JSON.stringify(groups));
      await workbench.openFile('train.py');
      await workbench.goTo(3);
      await workbench.runCommand('Subnet Studio: Insert Loader Snippet…');
      await workbench.pick('transformers');
      await workbench.page.waitForTimeout(1000);
      await workbench.save();
      await eventually(() =>
        readFileSync(join(folder, 'train.py'), 'utf8').includes('from_pretrained'),
      );
      const text = readFileSync(join(folder, 'train.py'), 'utf8');
      assert.ok(text.startsWith(TRAINING.trimEnd()), text);
      await workbench.screenshot('beside');
    },
  );

  step('uses the best subnet by the buttons of the page', async (workbench, folder) => {
    await workbench.runCommand('Notifications: Clear All Notifications');
    await workbench.runCommand('View: Close All Editors');
    await workbench.openFile('train.py');
    await workbench.replaceText(TRAINING);
    await workbench.save();
    await workbench.runCommand('Subnet Studio: Open Dashboard');
    const panel = await workbench.webview('.stage-root');
    const press = (scope: string, label: string): Promise<void> =>
      panel.locator(`${scope} vscode-button:has-text("${label}"):visible`).first().click();
    const places: [tab: string, scope: string, open: string][] = [
      ['Overview', '.banner', 'Open Config Beside'],
      ['Overview', '.selected', 'Open Config Beside'],
      ['Results', '.export', 'Open Beside'],
    ];
    for (const [tab, scope, label] of places) {
      await panel.getByRole('tab', { name: tab }).click();
      await press(scope, label);
      await workbench.tab('subnet.json').waitFor();
      await workbench.tab('subnet.json').click({ button: 'middle' });
      await workbench.tab('subnet.json').waitFor({ state: 'detached' });
      await press(scope, 'Insert Loader');
      await workbench.pick('transformers');
      await eventually(async () => (await workbench.editorText()).includes('from_pretrained'));
      await workbench.openFile('train.py');
      await workbench.replaceText(TRAINING);
      await workbench.save();
      await workbench.tab('tiny-llama').click();
    }
    await panel.getByRole('tab', { name: 'Overview' }).click();
    await press('.selected', 'Evaluate');
    const text = await workbench.notification(/"Evaluate subnet/, LONG_MS);
    assert.match(text, /has finished in .*: perplexity [\d.]+ \(dense [\d.]+\)/);
    await press('.selected', 'Export');
    await workbench.pickMany(['ONNX decoder']);
    await workbench.pick('exports/');
    await workbench.notification(/"Export subnet .*written to exports/, LONG_MS);
    assert.equal(readdirSync(join(folder, 'exports')).length, 1);
  });

  step('breaks no policy and throws nothing', (workbench) => {
    assert.deepEqual(workbench.policyViolations, []);
    assert.deepEqual(workbench.pageErrors, []);
    return Promise.resolve();
  });
});

describe('an engine that is killed', () => {
  const name = 'small.subnet.jsonc';
  const editor = oneEditor((folder) => {
    for (const part of ['tiny-llama', 'text']) {
      cpSync(join(ROOT, 'examples', part), join(folder, part), { recursive: true });
    }
    writeFileSync(join(folder, name), SMALL);
    writeFileSync(join(folder, 'zeros.subnet.jsonc'), SPARSE);
    writeFileSync(join(folder, 'table.subnet.jsonc'), TABLE);
    if (PICTURES) copyComparison(folder);
  }, 'light');
  let runFolder = '';

  editor.step('loses nothing but the moment', async (workbench, folder) => {
    await workbench.openView(VIEW);
    await workbench.openFile(name);
    await workbench.page.locator('.codelens-decoration').first().waitFor();
    await workbench.clickCodeLens('Run');
    await workbench.treeRowSaying(/^small · running · generation [1-9]/, LONG_MS);
    runFolder = onlyRun(folder);
    process.kill(lockOwner(runFolder), 'SIGKILL');
    const text = await workbench.notification(/SIGKILL/, LONG_MS);
    assert.match(text, /Resume/);
    await workbench.treeRowSaying(/^small · interrupted/, LONG_MS);
    await workbench.screenshot('killed');
  });

  editor.step('is resumed from its notification', async (workbench) => {
    const judged = countEvents(runFolder, 'evaluated');
    await workbench.notificationAction(/SIGKILL/, 'Resume');
    await workbench.treeRowSaying(/^small · running · gen/, LONG_MS);
    await eventually(() => countEvents(runFolder, 'evaluated') > judged);
    assert.equal(countEvents(runFolder, 'runStarted'), 2);
    await workbench.runCommand('Subnet Studio: Stop and Keep Best');
    await workbench.treeRowSaying(/^small · finished/, LONG_MS);
  });

  editor.step('leaves a run that can be exported again', async (workbench) => {
    const model = join(runFolder, 'export', 'onnx', 'model.onnx');
    rmSync(model);
    await workbench.runCommand('Subnet Studio: Export Subnet…');
    await workbench.pickMany(['ONNX decoder']);
    await workbench.pick('The folder of the run');
    await workbench.notification(/"Export small" has finished.*ONNX decoder/, LONG_MS);
    assert.ok(existsSync(model));
  });

  editor.step('puts zeros into weights, and shows each of them', async (workbench) => {
    await workbench.openFile('zeros.subnet.jsonc');
    await workbench.clickCodeLens('Run');
    await workbench.treeRowSaying(/^zeros · finished/, LONG_MS);
    await workbench.runCommand('Notifications: Clear All Notifications');
    const panel = await workbench.webview('.stage-root', LONG_MS);
    await panel.getByRole('tab', { name: 'Sparsity' }).click();
    await panel.getByText('Where are the zeros?').waitFor();
    await panel.getByRole('button', { name: 'Single weights' }).click();
    await panel.getByText('In the form of 2:4 hardware').waitFor();
    await workbench.page.waitForTimeout(500);
    await workbench.screenshot('zeros');
  });

  editor.step('and compares methods by one command', async (workbench) => {
    await workbench.openFile(PICTURES ? COMPARISON : 'table.subnet.jsonc');
    await workbench.runCommand('Subnet Studio: Compare Methods');
    const page = await workbench.webview('.page.methods', LONG_MS);
    const table = page.locator('.method-tables');
    for (const method of ['Magnitude', 'Wanda']) {
      await table.getByText(method, { exact: true }).first().waitFor({ timeout: LONG_MS });
    }
    const text = await workbench.notification(/is best at 2:4: perplexity/, LONG_MS);
    assert.match(text, /^[A-Z].* is best .*\(dense \d/);
    await workbench.treeRowSaying(/ · comparison of methods · finished · \d+ rows/, LONG_MS);
    if (PICTURES) {
      await workbench.runCommand('Notifications: Clear All Notifications');
      await workbench.runCommand('View: Toggle Maximize Editor Group');
    }
    await workbench.screenshot('methods');
    assert.deepEqual(workbench.policyViolations, []);
  });
});

describe('a workspace that is not trusted', () => {
  const editor = oneEditor(
    (folder) => {
      for (const name of ['tiny', 'mid']) makeRecordedRun(folder, RECORDED.get(name)!);
    },
    'light',
    { trusted: false },
  );

  editor.step('can be browsed', async (workbench) => {
    await workbench.openView(VIEW);
    await workbench.treeRowSaying(/^mid · finished/, LONG_MS);
    await workbench.runCommand('Subnet Studio: Open Dashboard');
    await workbench.pick('mid');
    const panel = await workbench.webview('.stage-root');
    await panel.getByText('Finished').first().waitFor();
    await workbench.screenshot('restricted');
  });

  editor.step('runs nothing', async (workbench, folder) => {
    const titles = await workbench.paletteTitles('Subnet Studio:');
    for (const title of ['Run', 'Resume', 'Run the Bundled Example', 'Export Subnet…']) {
      assert.ok(!titles.includes(`Subnet Studio: ${title}`), titles.join(', '));
    }
    const panel = await workbench.webview('.stage-root');
    assert.ok(await panel.getByRole('button', { name: 'Run Again' }).isDisabled());
    const runs = readdirSync(join(folder, '.subnet', 'runs'));
    assert.equal(runs.filter((name) => !name.startsWith('.')).length, 2);
  });
});

function copyComparison(folder: string): void {
  for (const path of [COMPARISON, join('.subnet', 'compare')]) {
    const from = join(ROOT, 'examples', path);
    if (existsSync(from)) cpSync(from, join(folder, path), { recursive: true });
  }
}
