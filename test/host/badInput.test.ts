import assert from 'node:assert/strict';
import {
  appendFileSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import type { RunSnapshot } from '../../src/dashboard/model/runSnapshot.ts';
import { EngineError, isEngineError } from '../../src/protocol/errors.ts';
import { PANEL_PROTOCOL, panelApi } from '../../src/protocol/panelApi.ts';
import type { Remote } from '../../src/protocol/rpc.ts';
import { fake, hostOn, remoteOf, someJob, until, vscode, type TestHost } from './harness.ts';

const { execute, registerCommands } = await import('../../src/host/commands/commandTable.ts');
const { notifyOfEnds } = await import('../../src/host/ui/notifications.ts');

const { runKey } = await import('../../src/host/runs/runKey.ts');

let host: TestHost | undefined;
afterEach(() => {
  host?.dispose();
  host = undefined;
});

describe('a run of a newer version', () => {
  it('is a row that says to update, and is left as it is by every command', async () => {
    host = await hostOn('tiny-newer');
    const { folder } = host.runs.get('tiny-newer')!;
    const before = readFileSync(join(folder, 'manifest.json'), 'utf8');
    for (const name of ['openDashboard', 'resume', 'export', 'openRunLog'] as const) {
      const asked = execute(host.app, name, [{ run: folder }]);
      await assert.rejects(
        asked,
        /newer version.*Update Subnet Studio.*Look into its folder/,
        name,
      );
    }
    assert.equal(readFileSync(join(folder, 'manifest.json'), 'utf8'), before);
    assert.deepEqual(host.service.askedFor('submit'), []);
  });

  it('says why in a dashboard that comes back from before', async () => {
    host = await hostOn('tiny-newer');
    const id = runKey(host.runs.get('tiny-newer')!.folder);
    const panel = vscode.window.createWebviewPanel('subnetStudio.dashboard', '');
    await host.app.panels.deserializeWebviewPanel(panel as never, { runs: [id] });
    await assert.rejects(open(remoteOf(panel)), /newer version.*Update Subnet Studio/);
  });
});

describe('a run folder in which files are missing', () => {
  it('without its manifest is one row, in words of the editor', async () => {
    host = await hostOn('tiny', 'tiny-stopped');
    const { folder } = host.runs.get('tiny')!;
    rmSync(join(folder, 'manifest.json'));
    host.app.store.touch(folder);
    await until(() => host!.app.store.rows.some(({ kind }) => kind === 'broken'));
    const broken = host.app.store.rows.find(({ kind }) => kind === 'broken');
    const message = broken?.kind === 'broken' ? broken.message : '';
    assert.match(message, /is not a run folder.*the Runs view/);
    assert.doesNotMatch(message, /subnet runs/);
    assert.equal(host.app.store.runs.length, 1);
  });

  it('without its log, masks and scores can be opened, and says what is gone', async () => {
    host = await hostOn('tiny');
    const { folder } = host.runs.get('tiny')!;
    const id = runKey(folder);
    for (const name of ['masks', 'stages', 'checkpoint']) rmSync(join(folder, name), gone);
    host.app.panels.show(host.app.store.runs);
    const remote = remoteOf(fake.panels.at(-1)!);
    const { runs } = await open(remote);
    const { model, masks, hasScores } = runs[0] as RunSnapshot;
    assert.ok(model.candidates.length > 0);
    assert.deepEqual([masks, hasScores], [{}, false]);
    const named = { kind: 'named', name: 'searched' } as const;
    await assert.rejects(
      remote.request(panelApi.mask, { run: id, mask: named }),
      /has not written masks/,
    );
    const { key } = model.candidates[0]!;
    const mask = { kind: 'candidate', key } as const;
    await assert.rejects(remote.request(panelApi.mask, { run: id, mask }), /masks of older ones/);
    assert.equal((await remote.request(panelApi.frequency, { run: id })).subnets, 0);
    await assert.rejects(remote.request(panelApi.importance, { run: id }), EngineError);
  });

  it('without a single event can be resumed, and has no log to open', async () => {
    host = await hostOn('tiny-stopped');
    const { folder } = host.runs.get('tiny-stopped')!;
    for (const name of ['events.jsonl', 'log.txt']) rmSync(join(folder, name), gone);
    host.app.store.touch(folder);
    await assert.rejects(
      execute(host.app, 'openRunLog', [{ run: folder }]),
      /Look into the engine log/,
    );
    assert.equal(await execute(host.app, 'resume', [{ run: folder }]), 'Resumed.');
  });

  it('that is deleted while its command is chosen is told as gone', async () => {
    host = await hostOn('tiny-stopped');
    const { folder } = host.runs.get('tiny-stopped')!;
    rmSync(folder, gone);
    await assert.rejects(execute(host.app, 'resume', [{ run: folder }]), /gone|found none/);
    assert.deepEqual(host.service.askedFor('submit'), []);
  });

  it('without the config it was started from shows the copy in the run', async () => {
    host = await hostOn('tiny');
    const { folder, configPath } = host.runs.get('tiny')!;
    rmSync(configPath);
    await execute(host.app, 'openConfig', [{ run: folder }]);
    assert.deepEqual(fake.opened, [join(folder, 'config.jsonc')]);
    await assert.rejects(execute(host.app, 'run', [{ run: folder }]), /New Run Config/);
  });
});

describe('a run folder with a damaged file', () => {
  const damages: readonly (readonly [string, (bytes: Buffer) => Buffer])[] = [
    ['emptied', () => Buffer.alloc(0)],
    ['cut in half', (bytes) => bytes.subarray(0, bytes.length >> 1)],
    ['overwritten', (bytes) => Buffer.alloc(bytes.length, '}\u0000\n[')],
    ['of another kind', () => Buffer.from('[null, {"schemaVersion": 1, "kind": 7}]\n')],
  ];

  it('is shown or refused by an expected error, whatever is asked of it', async () => {
    host = await hostOn('tiny');
    const { folder } = host.runs.get('tiny')!;
    const id = runKey(folder);
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .map((name) => join(folder, name))
      .filter((path) => statSync(path).isFile());
    assert.ok(files.length > 8, files.join('\n'));
    for (const path of files) {
      const whole = readFileSync(path);
      for (const [what, damage] of damages) {
        writeFileSync(path, damage(whole));
        host.app.store.touch(folder);
        const panel = vscode.window.createWebviewPanel('subnetStudio.dashboard', '');
        await host.app.panels.deserializeWebviewPanel(panel as never, { runs: [id] });
        for (const error of await failuresOf(remoteOf(panel), id)) {
          assert.ok(isEngineError(error), `${path} ${what}: ${String(error)}`);
        }
        panel.dispose();
        writeFileSync(path, whole);
      }
    }
    host.app.store.touch(folder);
    await until(() => host!.app.store.runs[0]?.state === 'finished');
  });
});

describe('a model that was deleted', () => {
  it('is told by its folder when it is inspected', async () => {
    host = await hostOn();
    const file = join(host.folder, 'gone');
    await assert.rejects(execute(host.app, 'inspectModel', [{ file }]), /Choose a folder with/);
  });

  it('fails its run with the engine’s words, and leaves a way back', async () => {
    host = await hostOn('tiny-failed');
    notifyOfEnds(host.app);
    const { folder } = host.runs.get('tiny-failed')!;
    const message = 'There is no folder /m. Correct "model".';
    fail(host, folder, { code: 'checkpoint', message });
    await until(() => fake.messages.length === 1);
    assert.match(fake.messages[0]!.text, /There is no folder \/m\. Correct "model"/);
    assert.deepEqual(fake.messages[0]!.buttons, ['Resume', 'Open Run Log', 'Show Log']);
    assert.equal(host.app.store.runs[0]?.state, 'failed');
  });
});

describe('two windows on one folder', () => {
  it('get one run, though the second has not heard of it yet', async () => {
    host = await hostOn('tiny');
    const { configPath } = host.runs.get('tiny')!;
    host.service.answers['submit'] = () => {
      throw new EngineError('run', {
        ...{ what: 'tiny', expected: 'work that is not in the queue yet' },
        ...{ found: 'the same work running', action: 'Wait for it, or stop it first.' },
        sentence: 'tiny: the same work is running already.',
      });
    };
    registerCommands(host.app);
    await fake.commands.get('subnetStudio.run')!(vscode.Uri.file(configPath));
    await until(() => fake.messages.length === 1);
    assert.match(fake.messages[0]!.text, /the same work is running already\. Wait for it/);
    assert.deepEqual(fake.panels, []);
  });
});

describe('a device that is lost in a run', () => {
  it('fails the run with the reason, and offers to resume or to take another', async () => {
    host = await hostOn('tiny-failed');
    notifyOfEnds(host.app);
    const { folder } = host.runs.get('tiny-failed')!;
    const action = 'Run "subnet devices" and choose a device that works here.';
    fake.presses = ['Select Device'];
    fail(host, folder, { code: 'device', message: `webgpu: the device was lost. ${action}` });
    await until(() => fake.executed.length === 1);
    const [shown] = fake.messages;
    assert.match(shown!.text, /device was lost\. Run the command Select Device and choose/);
    assert.deepEqual(shown!.buttons, ['Resume', 'Open Run Log', 'Select Device', 'Show Log']);
    assert.equal(fake.executed[0]!.command, 'subnetStudio.selectDevice');
  });

  it('does not keep the run on it', async () => {
    host = await hostOn('tiny-failed');
    const { folder } = host.runs.get('tiny-failed')!;
    const event = { kind: 'runFailed', code: 'device', message: 'lost', seq: 1e6, timeMs: 1e12 };
    appendFileSync(join(folder, 'events.jsonl'), `${JSON.stringify(event)}\n`);
    host.app.store.touch(folder);
    await until(() => host!.app.store.runs[0]!.digest.lostDevice);
    await execute(host.app, 'resume', [{ run: folder }]);
    const work = { kind: 'resume', runFolder: folder, device: 'auto' };
    assert.deepEqual(host.service.askedFor('submit'), [{ work, title: 'tiny-failed' }]);
  });
});

describe('a config that is no config', () => {
  for (const [what, text] of [
    ['empty', ''],
    ['no JSON', '{ "model": '],
    ['a list', '[]'],
    ['bytes', '\u0000\u0001\ufffd'],
    ['deep', '['.repeat(20_000)],
  ] as const) {
    it(`(${what}) is refused before anything is queued`, async () => {
      host = await hostOn();
      const path = join(host.folder, 'bad.subnet.jsonc');
      writeFileSync(path, text);
      const target = { config: vscode.Uri.file(path) as never };
      for (const name of ['run', 'dryRun'] as const) {
        await assert.rejects(execute(host.app, name, [target]), EngineError);
      }
      assert.deepEqual(
        [host.service.askedFor('submit'), host.service.askedFor('estimate')],
        [[], []],
      );
    });
  }
});

const gone = { recursive: true, force: true } as const;

/** Asks for all there is of a run. @returns what was thrown */
async function failuresOf(remote: Remote, run: string): Promise<unknown[]> {
  const named = { kind: 'named', name: 'searched' } as const;
  const candidate = { kind: 'candidate', key: '0123456789abcdef' } as const;
  const asked = await Promise.allSettled([
    open(remote),
    remote.request(panelApi.mask, { run, mask: named }),
    remote.request(panelApi.mask, { run, mask: candidate }),
    remote.request(panelApi.frequency, { run }),
    remote.request(panelApi.importance, { run }),
    remote.request(panelApi.layerScores, { run, layer: 0 }),
    remote.request(panelApi.config, { run }),
  ]);
  return asked.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
}

function fail(
  { service }: TestHost,
  folder: string,
  error: { readonly code: string; readonly message: string },
): void {
  const work = { kind: 'resume', runFolder: folder } as const;
  service.tell([someJob(work)]);
  service.tell([someJob(work, { state: 'failed', error })]);
}

function open(remote: Remote): ReturnType<typeof remote.request<unknown, { runs: unknown[] }>> {
  return remote.request(panelApi.open, { protocol: PANEL_PROTOCOL }) as never;
}
