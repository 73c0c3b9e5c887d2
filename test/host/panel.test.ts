import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { afterEach, describe, it } from 'node:test';
import type { RunSnapshot } from '../../src/dashboard/model/runSnapshot.ts';
import { unitLayout } from '../../src/protocol/unitLayout.ts';
import { PANEL_PROTOCOL, panelApi, type PanelContent } from '../../src/protocol/panelApi.ts';
import type { TestPanel } from '../fakes/vscodeWidgets.ts';
import { fake, hostOn, remoteOf, someJob, until, vscode, type TestHost } from './harness.ts';

const { runKey } = await import('../../src/host/runs/runKey.ts');

let host: TestHost | undefined;
afterEach(() => {
  host?.dispose();
  host = undefined;
});

describe('the page of a dashboard', () => {
  it('allows nothing but its own scripts and styles', async () => {
    const { webview } = await opened('tiny');
    const [, policy] = /Content-Security-Policy" content="([^"]+)"/.exec(webview.html)!;
    const nonce = /script-src 'nonce-([^']+)'/.exec(policy!)![1]!;
    assert.match(policy!, /^default-src 'none';/);
    assert.doesNotMatch(policy!, /unsafe|\*|http:/);
    assert.match(
      webview.html,
      new RegExp(`<meta property="csp-nonce" content="${escaped(nonce)}"`),
    );
    for (const [tag] of webview.html.matchAll(/<script[^>]*>/g)) assert.ok(tag.includes(nonce));
    assert.ok(Buffer.from(nonce, 'base64').length >= 16);
    assert.doesNotMatch(webview.html, /<script[^>]*>[^<]|style="|onload=/);
    assert.deepEqual(
      webview.options.localResourceRoots?.map(({ path }) => path.split('/').at(-1)),
      ['dist'],
    );
  });

  it('has another nonce each time', async () => {
    const first = (await opened('tiny')).webview.html;
    assert.notEqual((await opened('tiny')).webview.html, first);
  });

  it('begins anew with another palette', async () => {
    const { webview } = await opened('tiny');
    const before = webview.html;
    await vscode.workspace.getConfiguration('subnetStudio').update('palette', 'greys');
    assert.notEqual(webview.html, before);
    assert.equal((await open(fake.panels.at(-1)!)).palette, 'greys');
  });
});

describe('a dashboard', () => {
  it('is one per run, and used again', async () => {
    const panel = await opened('tiny');
    host!.app.panels.show(host!.app.store.runs);
    assert.deepEqual([fake.panels.length, panel.reveals, panel.title], [1, 1, 'tiny']);
  });

  it('goes into one column with all others, whatever has the focus', async () => {
    host = await hostOn('tiny', 'tiny-stopped', 'tiny-failed');
    fake.columns.open();
    const { panels, store, comparisonPanels } = host.app;
    for (const run of store.runs) {
      panels.show([run]);
      fake.columns.activeTabGroup = fake.columns.all[0]!;
    }
    const configPath = store.runs[0]!.manifest.configPath;
    comparisonPanels.show({ configPath, folder: null });
    assert.deepEqual(
      fake.panels.map(({ viewColumn }) => viewColumn),
      [2, 2, 2, 2],
    );
    fake.panels.at(-1)!.active = true;
    panels.show(store.runs);
    assert.equal(fake.columns.all.length, 2, 'a page that has the focus is not split');
  });

  it('takes the column that is there, or the only one when that is empty', async () => {
    host = await hostOn('tiny');
    host.app.panels.show(host.app.store.runs);
    assert.equal(fake.panels[0]!.viewColumn, 1);
    fake.panels[0]!.dispose();
    fake.columns.open(2);
    fake.columns.open(2);
    host.app.panels.show(host.app.store.runs);
    assert.equal(fake.panels[1]!.viewColumn, 1, 'beside the second column is the first');
  });

  it('gets everything at once when it asks, whatever the run does', async () => {
    const panel = await opened('tiny');
    const content = await open(panel);
    const [run] = content.runs as RunSnapshot[];
    assert.equal(run?.head.id, host!.app.store.runs[0]!.key);
    assert.ok(run.model.candidates.length > 20);
    assert.deepEqual(content.standing[run.head.id], {
      ...{ state: 'finished', queuePlace: null, busyWith: null },
    });
    assert.deepEqual([content.palette, content.canRun, content.select], ['cividis', true, null]);
  });

  it('says why nothing can be run in a workspace that is not trusted', async () => {
    const panel = await opened('tiny');
    fake.isTrusted = false;
    const { canRun, whyNot } = await open(panel);
    assert.equal(canRun, false);
    assert.match(whyNot, /Restricted Mode/);
  });

  it('is sent masks, frequencies and ranks as bytes of the sizes of its model', async () => {
    const panel = await opened('tiny');
    const remote = remoteOf(panel);
    const { runs } = await open(panel, remote);
    const { head, masks } = runs[0] as RunSnapshot;
    const { layers, perLayer, bytesPerLayer } = unitLayout(head.model!);
    const run = head.id;
    const mask = { kind: 'named', name: 'searched' } as const;
    const { key, bits } = await remote.request(panelApi.mask, { run, mask });
    assert.deepEqual([key, bits.length], [masks.searched, layers * bytesPerLayer]);
    const { shares, subnets } = await remote.request(panelApi.frequency, { run });
    assert.ok(shares instanceof Uint8Array && subnets > 0);
    assert.equal(shares.length, layers * perLayer);
    const { ranks } = await remote.request(panelApi.importance, { run });
    assert.equal(ranks.length, layers * perLayer);
    const { scores } = await remote.request(panelApi.layerScores, { run, layer: 1 });
    assert.ok(scores instanceof Float32Array);
  });

  it('follows a run that goes on, and its standing', async () => {
    const panel = await opened('tiny-running');
    const remote = remoteOf(panel);
    const seen: number[] = [];
    const states: string[] = [];
    remote.on(panelApi.runEvents, ({ from }) => seen.push(from));
    remote.on(panelApi.standing, ({ standing }) => states.push(standing.state));
    const { runs } = await open(panel, remote);
    const { nextSeq } = (runs[0] as RunSnapshot).model;
    for (let i = 0; i < 10; i++) host!.runs.get('tiny-running')!.next();
    await until(() => seen.length > 0);
    assert.ok(seen[0]! <= nextSeq, 'no event is missing between the snapshot and what follows');
    const { folder } = host!.runs.get('tiny-running')!;
    host!.service.tell([someJob({ kind: 'resume', runFolder: folder }, { state: 'queued' })]);
    await until(() => states.includes('queued'));
  });

  it('is told nothing while it is hidden, and everything when it comes back', async () => {
    const panel = await opened('tiny-running');
    await open(panel);
    panel.show(false);
    panel.posted.length = 0;
    const run = host!.runs.get('tiny-running')!;
    for (let i = 0; i < 10; i++) run.next();
    await new Promise((resolve) => setTimeout(resolve, 600));
    assert.deepEqual(panel.posted, []);
    panel.show(true);
    const before = host!.app.store.runs[0]!.digest.top.length;
    const { runs } = await open(panel);
    assert.ok((runs[0] as RunSnapshot).model.candidates.length >= before);
  });

  it('cannot ask for runs it does not show, nor name a path', async () => {
    const panel = await opened('tiny', 'tiny-stopped');
    const remote = remoteOf(panel);
    await open(panel, remote);
    const other = host!.runs.get('tiny-stopped')!;
    for (const run of [other.id, runKey(other.folder), other.folder, '../x', '/etc/passwd']) {
      await assert.rejects(remote.request(panelApi.frequency, { run }), /deleted or moved/, run);
    }
  });

  it('answers messages of the wrong shape with an error, and drops what is no message', async () => {
    const panel = await opened('tiny');
    const remote = remoteOf(panel);
    const { runs } = await open(panel, remote);
    const run = (runs[0] as RunSnapshot).head.id;
    const wrong: readonly (readonly [keyof typeof panelApi, unknown])[] = [
      ['open', {}],
      ['mask', { run, mask: { kind: 'candidate', key: '../../x' } }],
      ['layerScores', { run, layer: -1 }],
      ['layerScores', { run, layer: 99_999 }],
      ['act', { run, action: 'format the disk' }],
      ['act', null],
      ['editConfig', { run, path: [], value: 1 }],
      ['editConfig', { run, path: ['ratio'], value: { a: 1 } }],
      ['config', { run: 'x'.repeat(300) }],
    ];
    for (const [name, params] of wrong) {
      const asked = remote.request(panelApi[name] as typeof panelApi.config, params as never);
      await assert.rejects(
        asked,
        /Message "\w+"|is a bug|expected/,
        `${name} ${JSON.stringify(params)}`,
      );
    }
    for (const stray of [null, 7, 'text', {}, [], { jsonrpc: '1.0', method: 'open' }]) {
      panel.send(stray);
    }
    assert.ok(fake.logged.some((line) => /no message/.test(line)));
    assert.equal((await open(panel, remote)).runs.length, 1, 'it still works');
  });

  it('does what its buttons ask for, through the commands', async () => {
    const panel = await opened('tiny-stopped');
    const remote = remoteOf(panel);
    await open(panel, remote);
    const run = host!.runs.get('tiny-stopped')!;
    const { said } = await remote.request(panelApi.act, {
      run: runKey(run.folder),
      action: 'resume',
    });
    assert.equal(said, 'Resumed.');
    assert.deepEqual(host!.service.askedFor('submit'), [
      { work: { kind: 'resume', runFolder: run.folder }, title: 'tiny-stopped' },
    ]);
    fake.isTrusted = false;
    const refused = remote.request(panelApi.act, { run: runKey(run.folder), action: 'resume' });
    await assert.rejects(refused, /Restricted Mode/);
    assert.equal(host!.service.askedFor('submit').length, 1);
  });

  it('shows several runs to compare, also when one of them is gone', async () => {
    host = await hostOn('tiny', 'tiny-stopped');
    host.app.panels.show(host.app.store.runs);
    const panel = fake.panels[0]!;
    assert.match(panel.webview.html, /data-view="compare"/);
    assert.equal((await open(panel)).runs.length, 2);
  });

  it('opens the exported config of the best subnet beside, by the key that its page sends', async () => {
    const panel = await opened('tiny');
    const remote = remoteOf(panel);
    const { runs } = await open(panel, remote);
    const { head, masks, model } = runs[0] as RunSnapshot;
    const path = model.exports.find(({ form }) => form === 'subnet')!.path;
    if (!existsSync(path)) writeFileSync(path, '{}');
    const act = { run: head.id, action: 'openSubnetBeside' } as const;
    await remote.request(panelApi.act, { ...act, subnet: masks.searched! });
    assert.deepEqual(fake.opened, [path]);
    const other = model.candidates.find(({ key }) => key !== masks.searched)!.key;
    const refused = remote.request(panelApi.act, { ...act, subnet: other });
    await assert.rejects(refused, /Export/);
  });

  it('comes back after a restart from the ids it kept, and from nothing else', async () => {
    host = await hostOn('tiny');
    const id = runKey(host.runs.get('tiny')!.folder);
    const panel = vscode.window.createWebviewPanel('subnetStudio.dashboard', '');
    await host.app.panels.deserializeWebviewPanel(panel as never, { runs: [id] });
    assert.equal(panel.title, 'tiny');
    assert.equal((await open(panel)).runs.length, 1);
    for (const state of [undefined, null, 7, { runs: 'x' }, { runs: [7] }, { runs: [] }]) {
      const other = vscode.window.createWebviewPanel('subnetStudio.dashboard', '');
      await host.app.panels.deserializeWebviewPanel(other as never, state);
      assert.equal(other.disposed, true, JSON.stringify(state));
    }
  });

  it('tells when its run is deleted', async () => {
    const panel = await opened('tiny');
    const remote = remoteOf(panel);
    let removed = '';
    remote.on(panelApi.runRemoved, ({ run }) => (removed = run));
    await open(panel, remote);
    const { folder } = host!.runs.get('tiny')!;
    const key = runKey(folder);
    await vscode.workspace.fs.delete(vscode.Uri.file(folder));
    await until(() => removed === key);
  });
});

/** The dashboard of the first of these runs. */
async function opened(...names: readonly string[]): Promise<TestPanel> {
  host?.dispose();
  host = await hostOn(...names);
  host.app.panels.show([host.app.store.find(host.runs.get(names[0]!)!.folder)!]);
  return fake.panels.at(-1)!;
}

function open(panel: TestPanel, remote = remoteOf(panel)): Promise<PanelContent<unknown>> {
  return remote.request(panelApi.open, { protocol: PANEL_PROTOCOL });
}

function escaped(text: string): string {
  return text.replaceAll(/[+/=]/g, '\\$&');
}
