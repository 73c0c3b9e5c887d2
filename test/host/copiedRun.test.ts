import assert from 'node:assert/strict';
import { cpSync, existsSync, symlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import type { RunSnapshot } from '../../src/dashboard/model/runSnapshot.ts';
import { PANEL_PROTOCOL, panelApi } from '../../src/protocol/panelApi.ts';
import type { TestPanel } from '../fakes/vscodeWidgets.ts';
import { fake, hostOn, remoteOf, someJob, vscode, type TestHost } from './harness.ts';

let host: TestHost | undefined;
afterEach(() => {
  host?.dispose();
  host = undefined;
});

describe('a copied run folder, whose manifest has the same id', () => {
  it('has a dashboard of its own, and Delete there deletes the copy', async () => {
    const { original, copy } = await copied();
    const { store, panels } = host!.app;
    panels.show([store.find(original)!]);
    panels.show([store.find(copy)!]);
    assert.equal(fake.panels.length, 2);
    const panel = fake.panels[1]!;
    const remote = remoteOf(panel);
    const run = await shownBy(panel, remote);
    fake.presses = ['Delete Run'];
    await remote.request(panelApi.act, { run, action: 'delete' });
    assert.deepEqual([existsSync(original), existsSync(copy)], [true, false]);
  });

  it('comes back as itself after a restart of the window', async () => {
    const { copy } = await copied();
    const { store, panels } = host!.app;
    panels.show([store.find(copy)!]);
    const run = await shownBy(fake.panels[0]!);
    fake.panels[0]!.dispose();
    const panel = vscode.window.createWebviewPanel('subnetStudio.dashboard', '');
    await panels.deserializeWebviewPanel(panel as never, { runs: [run] });
    const remote = remoteOf(panel);
    assert.equal(await shownBy(panel, remote), run);
    await remote.request(panelApi.act, { run, action: 'revealFolder' });
    const { fsPath } = fake.executed.at(-1)!.args[0] as { readonly fsPath: string };
    assert.equal(fsPath, copy);
  });

  it('is not busy with the work on the original', async () => {
    const { original, copy } = await copied();
    host!.service.tell([
      someJob({ kind: 'resume', runFolder: original }, { runFolder: original, state: 'queued' }),
    ]);
    const { store } = host!.app;
    assert.equal(store.find(original)?.state, 'queued');
    assert.equal(store.find(copy)?.state, 'finished');
  });
});

describe('a run folder that is reached by two ways', () => {
  it('is one run, and the work on it is known by either', async () => {
    host = await hostOn('tiny-stopped');
    const { folder } = host.runs.get('tiny-stopped')!;
    const way = join(host.folder, 'way');
    symlinkSync(host.folder, way);
    const same = join(way, '.subnet', 'runs', basename(folder));
    const { store } = host.app;
    await store.addHome(way);
    assert.equal(store.runs.length, 1);
    host.service.tell([someJob({ kind: 'resume', runFolder: same }, { runFolder: same })]);
    assert.deepEqual(
      store.runs.map(({ state }) => state),
      ['running'],
    );
    assert.equal(store.find(same), store.find(folder));
  });
});

async function copied(): Promise<{ readonly original: string; readonly copy: string }> {
  host = await hostOn('tiny');
  const original = host.runs.get('tiny')!.folder;
  const copy = join(dirname(original), 'copy');
  cpSync(original, copy, { recursive: true });
  await host.app.store.refresh();
  assert.equal(host.app.store.runs.length, 2);
  return { original, copy };
}

/** Opens the page. @returns what it calls its run */
async function shownBy(panel: TestPanel, remote = remoteOf(panel)): Promise<string> {
  const { runs, standing } = await remote.request(panelApi.open, { protocol: PANEL_PROTOCOL });
  const { id } = (runs[0] as RunSnapshot).head;
  assert.deepEqual(Object.keys(standing), [id]);
  return id;
}
