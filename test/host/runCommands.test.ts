import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { fake, hostOn, someJob, until, vscode, type TestHost } from './harness.ts';

const { execute } = await import('../../src/host/commands/commandTable.ts');

let host: TestHost | undefined;
afterEach(() => {
  host?.dispose();
  host = undefined;
});

describe('Run', () => {
  it('queues the config of the editor under its name', async () => {
    host = await hostOn('tiny');
    const { configPath } = host.runs.get('tiny')!;
    fake.activeFile = configPath;
    assert.equal(await execute(host.app, 'run', []), 'Started.');
    const [asked] = host.service.askedFor('submit');
    assert.deepEqual(asked, {
      work: { kind: 'run', configPath, overrides: {} },
      title: 'tiny',
    });
  });

  it('asks which config when there are several and none is open', async () => {
    host = await hostOn('tiny', 'tiny-stopped');
    fake.picks = ['tiny-stopped'];
    await execute(host.app, 'run', []);
    assert.deepEqual(fake.offered, ['tiny-stopped.subnet.jsonc', 'tiny.subnet.jsonc']);
    const [asked] = host.service.askedFor('submit') as { work: { configPath: string } }[];
    assert.equal(asked?.work.configPath, host.runs.get('tiny-stopped')!.configPath);
  });

  it('refuses a config that is wrong and tells the line', async () => {
    host = await hostOn();
    const path = join(host.folder, 'bad.subnet.jsonc');
    writeFileSync(path, '{\n  "model": "m",\n  "ratio": 7,\n  "text": "t"\n}\n');
    const asked = execute(host.app, 'run', [{ config: vscode.Uri.file(path) as never }]);
    await assert.rejects(asked, /bad\.subnet\.jsonc:3:12: "ratio" must be a number/);
    assert.deepEqual(host.service.askedFor('submit'), []);
  });

  it('says what to do without a config, and when the config is gone', async () => {
    host = await hostOn();
    await assert.rejects(execute(host.app, 'run', []), /New Run Config/);
    const gone = vscode.Uri.file(join(host.folder, 'gone.subnet.jsonc'));
    await assert.rejects(
      execute(host.app, 'run', [{ config: gone as never }]),
      /There is no run config/,
    );
  });

  it('does not start the same config twice without being told to', async () => {
    host = await hostOn('tiny-stopped');
    const { configPath, folder } = host.runs.get('tiny-stopped')!;
    host.service.tell([someJob({ kind: 'run', configPath }, { runFolder: folder })]);
    fake.picks = ['Open its dashboard', 'Queue another', undefined];
    await execute(host.app, 'run', []);
    assert.deepEqual([host.service.askedFor('submit').length, fake.panels.length], [0, 1]);
    await execute(host.app, 'run', []);
    assert.equal(host.service.askedFor('submit').length, 1);
    await assert.rejects(execute(host.app, 'run', []), /stop/);
    assert.equal(host.service.askedFor('submit').length, 1);
  });

  it('takes the device of the settings where the config names none', async () => {
    host = await hostOn('tiny');
    const path = join(host.folder, 'plain.subnet.jsonc');
    writeFileSync(path, '{ "model": "m", "ratio": 0.5, "text": "t" }');
    fake.settings['subnetStudio.device'] = 'cpu';
    await execute(host.app, 'run', [{ config: vscode.Uri.file(path) as never }]);
    writeFileSync(path, '{ "model": "m", "ratio": 0.5, "text": "t", "device": "webgpu" }');
    await execute(host.app, 'run', [{ config: vscode.Uri.file(path) as never }]);
    const works = host.service.askedFor('submit') as { work: { overrides: object } }[];
    assert.deepEqual(
      works.map(({ work }) => work.overrides),
      [{ device: 'cpu' }, {}],
    );
  });

  it('refuses a folder that is read-only, and says where to go', { skip: isRoot() }, async () => {
    host = await hostOn('tiny');
    chmodSync(host.folder, 0o555);
    try {
      await assert.rejects(execute(host.app, 'run', []), /Save the config in a folder/);
    } finally {
      chmodSync(host.folder, 0o755);
    }
  });

  it('opens the dashboard once the run has a folder', async () => {
    host = await hostOn('tiny-stopped');
    const { configPath, folder } = host.runs.get('tiny-stopped')!;
    await execute(host.app, 'run', []);
    assert.equal(fake.panels.length, 0);
    host.service.tell([someJob({ kind: 'run', configPath }, { runFolder: folder })]);
    await until(() => fake.panels.length === 1);
  });
});

describe('running runs', () => {
  it('are paused and finished early by their job', async () => {
    host = await hostOn('tiny-stopped');
    const { folder } = host.runs.get('tiny-stopped')!;
    const work = { kind: 'resume', runFolder: folder } as const;
    host.service.tell([someJob(work, { id: 'j7', runFolder: folder })]);
    await execute(host.app, 'pause', []);
    await execute(host.app, 'keepBest', []);
    assert.deepEqual(host.service.askedFor('cancel'), [{ id: 'j7' }]);
    assert.deepEqual(host.service.askedFor('finishSearch'), [{ id: 'j7' }]);
  });

  it('of another program are left to it', async () => {
    host = await hostOn('tiny-running');
    await assert.rejects(execute(host.app, 'pause', []), /Stop it where it was started/);
  });

  it('that are paused are resumed to keep their best subnet', async () => {
    host = await hostOn('tiny-stopped');
    const { folder } = host.runs.get('tiny-stopped')!;
    await execute(host.app, 'keepBest', []);
    const work = { kind: 'resume', runFolder: folder } as const;
    assert.deepEqual(host.service.askedFor('submit'), [{ work, title: 'tiny-stopped' }]);
    host.service.tell([someJob(work, { stage: 'score' })]);
    assert.deepEqual(host.service.askedFor('finishSearch'), []);
    host.service.tell([someJob(work, { stage: 'search' })]);
    await until(() => host!.service.askedFor('finishSearch').length === 1);
  });

  it('say what is missing when none fits', async () => {
    host = await hostOn('tiny');
    await assert.rejects(execute(host.app, 'pause', []), /Start or resume a run first/);
    await assert.rejects(
      execute(host.app, 'resume', []),
      /was paused, was interrupted or has failed/,
    );
    const { folder } = host.runs.get('tiny')!;
    await assert.rejects(execute(host.app, 'resume', [{ run: folder }]), /is finished/);
  });

  it('wait in a queue that can be changed', async () => {
    host = await hostOn('tiny');
    const { configPath } = host.runs.get('tiny')!;
    const work = { kind: 'run', configPath } as const;
    const ids = ['a', 'b', 'c'];
    host.service.tell(ids.map((id) => someJob(work, { id, state: 'queued', title: id })));
    await execute(host.app, 'moveUp', [{ job: 'c' }]);
    await execute(host.app, 'removeFromQueue', [{ job: 'b' }]);
    assert.deepEqual(host.service.askedFor('move'), [{ id: 'c', to: 1 }]);
    assert.deepEqual(host.service.askedFor('cancel'), [{ id: 'b' }]);
    fake.picks = ['b'];
    await execute(host.app, 'moveUp', []);
    assert.deepEqual(fake.offered, ['b', 'c'], 'the first has nowhere to go');
    await assert.rejects(execute(host.app, 'removeFromQueue', [{ job: 'x' }]), /may have started/);
  });
});

/** The super-user may write anywhere. */
function isRoot(): string | false {
  return process.getuid?.() === 0 ? 'the super-user may write anywhere' : false;
}
