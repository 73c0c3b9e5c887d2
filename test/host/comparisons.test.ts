import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import {
  comparisonPanelApi,
  type ComparisonAction,
  type ComparisonContent,
} from '../../src/protocol/comparisonPanelApi.ts';
import type { ComparisonTable } from '../../src/protocol/comparisonTable.ts';
import { PANEL_PROTOCOL } from '../../src/protocol/panelApi.ts';
import { comparedTable } from '../fixtures/recordedComparison.ts';
import { fake, hostOn, remoteOf, someJob, until, vscode, type TestHost } from './harness.ts';

const { execute } = await import('../../src/host/commands/commandTable.ts');
const { StatusBar } = await import('../../src/host/ui/statusBar.ts');
const { notifyOfEnds } = await import('../../src/host/ui/notifications.ts');

let host: TestHost | undefined;
afterEach(() => {
  host?.dispose();
  host = undefined;
});

const tree = () => fake.trees.get('subnetStudio.runs')!;

describe('Compare Methods', () => {
  it('submits a comparison of the config in the editor, and shows its page', async () => {
    const { configPath } = await withConfig();
    fake.activeFile = configPath;
    await execute(host!.app, 'compareMethods', []);
    assert.deepEqual(host!.service.askedFor('submit'), [
      { work: { kind: 'compare', request: { configPath } }, title: 'Compare a' },
    ]);
    assert.match(fake.panels[0]!.webview.html, /data-view="methods"/);
    const { table, waiting, job } = await contentOf();
    assert.deepEqual([table, job], [null, 'none']);
    assert.match(waiting, /Nothing has been compared/);
  });

  it('asks the device of the settings only where the config names none', async () => {
    const { configPath } = await withConfig();
    fake.settings['subnetStudio.device'] = 'cpu';
    await execute(host!.app, 'compareMethods', [{ config: vscode.Uri.file(configPath) as never }]);
    const [asked] = host!.service.askedFor('submit') as { work: { request: object } }[];
    assert.deepEqual(asked!.work.request, { configPath, device: 'cpu' });
  });

  it('shows what is going on instead of starting it twice', async () => {
    const { configPath } = await withConfig();
    host!.service.tell([compareJob(configPath)]);
    await execute(host!.app, 'compareMethods', []);
    assert.equal(host!.service.askedFor('submit').length, 0);
    assert.equal((await contentOf()).job, 'running');
  });

  it('offers to make a config where there is none', async () => {
    host = await hostOn();
    fake.presses = ['New Run Config'];
    await host.app.reporter.guard(() => execute(host!.app, 'compareMethods', []));
    await until(() => fake.executed.length > 0);
    assert.equal(fake.executed[0]!.command, 'subnetStudio.newConfig');
  });

  it('runs nothing in a workspace that is not trusted', async () => {
    await withConfig();
    fake.isTrusted = false;
    for (const name of ['compareMethods', 'deleteComparison'] as const) {
      await assert.rejects(execute(host!.app, name, []), /Trust the workspace/, name);
    }
    assert.equal(host!.service.askedFor('submit').length, 0);
  });
});

describe('a comparison in the Runs view', () => {
  it('says how far it is and what is best, and opens its page', async () => {
    await withTables({ k: [40, 'stopped'] });
    const [item] = tree().items();
    assert.equal(item?.label, 'a');
    assert.equal(item.description, `45 of ${TOTAL} rows · Ours 2:4 2.95 · paused`);
    assert.equal(item.contextValue, 'comparison.paused');
    assert.match(item.accessibilityInformation.label, /comparison of methods/);
    const node = tree().node('a') as unknown as { command: { arguments: never[] } };
    await execute(host!.app, 'openComparison', node.command.arguments);
    assert.equal((await contentOf()).table?.rows.length, 40);
  });

  it('is one row from the queue to its end', async () => {
    const { configPath } = await withTables({});
    const states = (): string[] =>
      tree()
        .items()
        .map(({ contextValue }) => contextValue);
    host!.service.tell([compareJob(configPath, { state: 'queued', startedMs: null })]);
    assert.deepEqual(states(), ['comparison.queued']);
    host!.service.tell([compareJob(configPath)]);
    assert.deepEqual(states(), ['comparison.running']);
    assert.equal(tree().badge?.value, 1);
    writeTable('k', configPath, { count: 18, state: 'running', updatedMs: 50 });
    host!.app.comparisons.look();
    assert.deepEqual(states(), ['comparison.running']);
    assert.ok(tree().items()[0]!.description.startsWith(`18 of ${TOTAL} rows`));
    host!.service.tell([]);
    writeTable('k', configPath, { count: TOTAL, state: 'finished', updatedMs: 60 });
    host!.app.comparisons.look();
    assert.deepEqual(states(), ['comparison.finished']);
    assert.equal(tree().badge, undefined);
  });

  it('stands where its beginning puts it among the runs, and is grouped and filtered with them', async () => {
    const { configPath } = await withTables({ k: [40, 'stopped'] }, 'tiny');
    const labels = (): string[] =>
      tree()
        .items()
        .map(({ label }) => label);
    assert.deepEqual(labels().sort(), ['a', 'tiny']);
    host!.app.tree.setFilter('comparison');
    assert.deepEqual(labels(), ['a']);
    host!.app.tree.setFilter('');
    host!.app.tree.setGrouping('state');
    assert.deepEqual(labels().sort(), ['finished', 'paused']);
    assert.ok(tree().rows().length > 5, configPath);
  });

  it('that cannot be read is a row that says why, and can be deleted', async () => {
    const { configPath } = await withTables({});
    const folder = join(configPath, '..', '.subnet', 'compare', 'k');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'comparison.json'), '{ "schemaVersion": 1 }');
    await host!.app.store.refresh();
    const [item] = tree().items();
    assert.equal(item?.contextValue, 'comparison.broken');
    await assert.rejects(
      execute(host!.app, 'openComparison', [{ comparison: folder }]),
      /cannot be read/,
    );
    fake.presses = ['Delete Comparison'];
    await execute(host!.app, 'deleteComparison', [{ comparison: folder }]);
    assert.deepEqual([fake.deleted, tree().items()], [[folder], []]);
  });

  it('is deleted only after asking, and not while it is at work', async () => {
    const { configPath, folders } = await withTables({ k: [40, 'stopped'] });
    const target = [{ comparison: folders[0]! }];
    await assert.rejects(execute(host!.app, 'deleteComparison', target), /stop/);
    host!.service.tell([compareJob(configPath)]);
    await assert.rejects(execute(host!.app, 'deleteComparison', target), /cannot be deleted/);
    assert.ok(existsSync(folders[0]!));
  });

  it('is stopped by Pause, called on it or on nothing', async () => {
    const { configPath } = await withTables({});
    host!.service.tell([compareJob(configPath)]);
    await execute(host!.app, 'pause', [{ job: 'j1' }]);
    await execute(host!.app, 'pause', []);
    assert.deepEqual(host!.service.askedFor('cancel'), [{ id: 'j1' }, { id: 'j1' }]);
  });
});

describe('the page of a comparison', () => {
  it('follows rows and job, and says how long it still takes', async () => {
    const { configPath } = await withTables({ k: [18, 'running'] });
    host!.service.tell([compareJob(configPath, { etaMs: 90_000 })]);
    host!.app.comparisonPanels.show({ configPath, folder: null });
    const remote = remoteOf(fake.panels[0]!);
    const told: ComparisonContent[] = [];
    remote.on(comparisonPanelApi.comparison, (content) => told.push(content));
    const first = await remote.request(comparisonPanelApi.openComparison, open);
    assert.deepEqual([first.job, first.etaMs, first.canRun], ['running', 90_000, true]);
    writeTable('k', configPath, { count: 19, state: 'running', updatedMs: 99 });
    host!.app.comparisons.look();
    host!.app.comparisons.look();
    await until(() => told.length > 0);
    const rows = told.map(({ table }) => table?.rows.length);
    assert.deepEqual(rows, [19], 'what is not new is not told');
    fake.panels[0]!.show(false);
    host!.service.tell([]);
    assert.equal(told.length, 1, 'a hidden page is told nothing');
  });

  it('does what its buttons ask for', async () => {
    const { configPath } = await withTables({ k: [40, 'stopped'] });
    host!.app.comparisonPanels.show({ configPath, folder: null });
    const remote = remoteOf(fake.panels[0]!);
    const act = (action: ComparisonAction): Promise<{ readonly said: string }> =>
      remote.request(comparisonPanelApi.actOnComparison, { action });
    await act('copyMarkdown');
    assert.match(fake.clipboard, /\| Ours \|/);
    fake.saveAs = join(host!.folder, 'rows.csv');
    assert.equal((await act('saveCsv')).said, 'Saved.');
    assert.equal(readFileSync(fake.saveAs, 'utf8').split('\r\n').length, 42);
    fake.saveAs = undefined;
    assert.equal((await act('saveCsv')).said, 'Nothing was changed.');
    await act('openConfig');
    assert.deepEqual(fake.opened, [configPath]);
    await act('run');
    assert.equal(host!.service.askedFor('submit').length, 1);
    host!.service.tell([compareJob(configPath)]);
    await act('stop');
    assert.deepEqual(host!.service.askedFor('cancel'), [{ id: 'j1' }]);
  });

  it('answers malformed messages with an error', async () => {
    const { configPath } = await withTables({});
    host!.app.comparisonPanels.show({ configPath, folder: null });
    const remote = remoteOf(fake.panels[0]!);
    for (const [params, why] of [
      ...[{}, { protocol: 'x' }, null].map((it) => [it, /"openComparison".*version/] as const),
      [{ protocol: PANEL_PROTOCOL + 1 }, /another version of the extension/],
    ] as const) {
      const asked = remote.request(comparisonPanelApi.openComparison, params as never);
      await assert.rejects(asked, why, JSON.stringify(params));
    }
    const acted = remote.request(comparisonPanelApi.actOnComparison, { action: 'rm' } as never);
    await assert.rejects(acted, /Message "actOnComparison"/);
  });

  it('shows the newest of a config, and an older one on a page of its own', async () => {
    const { configPath, folders } = await withTables({ new: [40, 'stopped'], old: [12, 'failed'] });
    for (const folder of folders) {
      await execute(host!.app, 'openComparison', [{ comparison: folder }]);
    }
    await execute(host!.app, 'openComparison', [{ comparison: folders[0]! }]);
    assert.deepEqual([fake.panels.length, fake.panels[0]!.reveals], [2, 1]);
    assert.equal((await contentOf(1)).table?.rows.length, 12);
    host!.app.comparisonPanels.show({ configPath, folder: null });
    assert.equal(fake.panels.length, 2);
  });

  it('comes back after a restart for a config that is known, and for nothing else', async () => {
    const { configPath } = await withTables({ k: [40, 'stopped'] });
    const states = [{ configPath }, undefined, { configPath: '/etc/passwd' }, { configPath: 7 }];
    for (const state of states) {
      const panel = vscode.window.createWebviewPanel('subnetStudio.comparison', '');
      await host!.app.comparisonPanels.deserializeWebviewPanel(panel as never, state);
    }
    assert.deepEqual(
      fake.panels.map(({ disposed }) => disposed),
      [false, true, true, true],
    );
    assert.equal((await contentOf()).table?.rows.length, 40);
  });
});

describe('a comparison that runs or ends', () => {
  it('is in the status bar while it runs, and gone after', async () => {
    const { configPath } = await withTables({ k: [18, 'running'] });
    const bar = new StatusBar(host!.app.store, host!.app.comparisons);
    host!.service.tell([compareJob(configPath, { etaMs: 180_000 })]);
    assert.equal(fake.statusText, `$(sync~spin) 18 of ${TOTAL} rows · 3 min left`);
    host!.service.tell([]);
    writeTable('k', configPath, { count: TOTAL, state: 'finished', updatedMs: 60 });
    host!.app.comparisons.look();
    assert.equal(fake.statusText, undefined);
    bar.dispose();
  });

  it('tells the best method in one sentence, with its page', async () => {
    const { configPath } = await withTables({ k: [TOTAL, 'finished'] });
    notifyOfEnds(host!.app);
    host!.service.tell([compareJob(configPath)]);
    fake.presses = ['Open'];
    host!.service.tell([compareJob(configPath, { state: 'finished' })]);
    await until(() => fake.panels.length === 1);
    assert.equal(fake.messages[0]!.text, 'Ours is best at 2:4: perplexity 2.95 (dense 2.92).');
    assert.deepEqual(fake.messages[0]!.buttons, ['Open', "Don't Show Again"]);
  });

  it('says why it failed, and offers to go on', async () => {
    const { configPath } = await withTables({});
    notifyOfEnds(host!.app);
    host!.service.tell([compareJob(configPath)]);
    fake.presses = ['Compare Again'];
    const error = { code: 'run', message: 'The engine process: its end by SIGKILL.' };
    host!.service.tell([compareJob(configPath, { state: 'failed', error })]);
    await until(() => host!.service.askedFor('submit').length === 1);
    assert.match(fake.messages[0]!.text, /SIGKILL/);
  });
});

const { total: TOTAL } = comparedTable(1, 'finished');
const open = { protocol: PANEL_PROTOCOL };

/** A host on a workspace with one config. */
async function withConfig(...runs: readonly string[]): Promise<{ readonly configPath: string }> {
  host = await hostOn(...runs);
  const configPath = join(host.folder, 'a.subnet.jsonc');
  writeFileSync(configPath, '{ "model": "m", "ratio": 0.7, "text": "t" }');
  await host.app.store.refresh();
  return { configPath };
}

/** A host on a workspace with one config and these comparisons of it, newest first. */
async function withTables(
  tables: Readonly<Record<string, readonly [number, ComparisonTable['state']]>>,
  ...runs: readonly string[]
): Promise<{ readonly configPath: string; readonly folders: readonly string[] }> {
  const { configPath } = await withConfig(...runs);
  const folders = Object.entries(tables).map(([key, [count, state]], i) =>
    writeTable(key, configPath, { count, state, updatedMs: 20 - i }),
  );
  await host!.app.store.refresh();
  return { configPath, folders };
}

function writeTable(
  key: string,
  configPath: string,
  { count, state, updatedMs }: Pick<ComparisonTable, 'state' | 'updatedMs'> & { count: number },
): string {
  const folder = join(configPath, '..', '.subnet', 'compare', key);
  mkdirSync(folder, { recursive: true });
  const table = { ...comparedTable(count, state), name: 'a', configPath, updatedMs };
  writeFileSync(join(folder, 'comparison.json'), JSON.stringify(table));
  return folder;
}

function compareJob(
  configPath: string,
  changes: Parameters<typeof someJob>[1] = {},
): ReturnType<typeof someJob> {
  return someJob({ kind: 'compare', request: { configPath } }, { title: 'Compare a', ...changes });
}

function contentOf(panel = 0): Promise<ComparisonContent> {
  return remoteOf(fake.panels[panel]!).request(comparisonPanelApi.openComparison, open);
}
