import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { fake, hostOn, until, vscode, type TestHost } from './harness.ts';
import type { CommandName } from '../../src/host/commands/commandTable.ts';

const { commandTable, execute, registerCommands } =
  await import('../../src/host/commands/commandTable.ts');
const { restoreSteps } = await import('../../src/host/ui/walkthrough.ts');
const { hardwareName } = await import('../../src/host/devices/hardwareNames.ts');
const { cudaPage } = await import('../../src/host/devices/cudaPage.ts');
const { bestSubnetKey } = await import('../../src/host/runs/subnetFiles.ts');
const { targetsOf } = await import('../../src/host/commands/target.ts');

let host: TestHost | undefined;
afterEach(() => {
  host?.dispose();
  host = undefined;
});

describe('what a command is called on', () => {
  it('is understood from rows, selections, files and plain objects', () => {
    const row = { target: { run: '/r' } };
    const uri = vscode.Uri.file('/a.subnet.jsonc');
    assert.deepEqual(targetsOf([]), []);
    assert.deepEqual(targetsOf([row]), [{ run: '/r' }]);
    assert.deepEqual(targetsOf([row, [row, { target: { run: '/s' } }]]), [
      { run: '/r' },
      { run: '/s' },
    ]);
    assert.deepEqual(targetsOf([row, [row]]), [{ run: '/r' }]);
    assert.deepEqual(targetsOf([uri]), [{ config: uri }]);
    assert.deepEqual(targetsOf([{ run: 'id', subnet: '0123456789abcdef' }]), [
      { run: 'id', subnet: '0123456789abcdef' },
    ]);
    assert.deepEqual(targetsOf([{ run: 7, subnet: 'x' }, 'y']), []);
    assert.deepEqual(targetsOf([null, undefined]), []);
  });
});

describe('in a workspace that is not trusted', () => {
  const acting: readonly CommandName[] = [
    ...(['newConfig', 'run', 'dryRun', 'resume', 'pause', 'keepBest', 'moveUp'] as const),
    ...(['removeFromQueue', 'reform', 'evaluate', 'export', 'deleteRun'] as const),
    ...(['selectDevice', 'runExample', 'compareMethods', 'deleteComparison'] as const),
  ];

  it('nothing runs, is written or deleted, and every refusal says what to do', async () => {
    host = await hostOn('tiny', 'tiny-stopped');
    fake.isTrusted = false;
    for (const name of acting) {
      const { folder } = host.runs.get('tiny-stopped')!;
      await assert.rejects(execute(host.app, name, [{ run: folder }]), /Trust the workspace/, name);
    }
    const asked = host.service.asked.map(({ method }) => method);
    assert.deepEqual([...new Set(asked)], ['jobs']);
    assert.deepEqual(fake.deleted, []);
  });

  it('looking works', async () => {
    host = await hostOn('tiny');
    fake.isTrusted = false;
    const looking: readonly CommandName[] = ['openDashboard', 'openConfig', 'openRunLog'];
    for (const name of looking) await execute(host.app, name, []);
    assert.equal(fake.panels.length, 1);
    assert.equal(fake.opened.length, 2);
  });
});

describe('subnets', () => {
  it('are reformed, measured and exported by key, asked for when it is not named', async () => {
    host = await hostOn('tiny');
    const [run] = host.app.store.runs;
    const { key } = run!.digest.top[1]!;
    await execute(host.app, 'reform', [{ run: run!.folder, subnet: key }]);
    fake.picks = [key.slice(0, 6)];
    await assert.rejects(execute(host.app, 'evaluate', []), /stop/, 'labels are figures, not keys');
    fake.picks = [['ONNX decoder'], 'The folder of the run'];
    await execute(host.app, 'export', [{ run: run!.folder, subnet: key }]);
    const works = host.service.askedFor('submit') as { work: { kind: string; request: object } }[];
    assert.deepEqual(
      works.map(({ work }) => work.request),
      [
        { runFolder: run!.folder, key, reform: true, evaluate: true, forms: [] },
        { runFolder: run!.folder, key, reform: true, evaluate: false, forms: ['onnx'] },
      ],
    );
  });

  it('of a finished run are exported as a whole', async () => {
    host = await hostOn('tiny');
    fake.picks = [['Hugging Face checkpoint', 'ONNX decoder'], 'exports/tiny'];
    await execute(host.app, 'export', []);
    const [asked] = host.service.askedFor('submit') as { work: object }[];
    const { folder } = host.runs.get('tiny')!;
    const out = join(host.folder, 'exports', 'tiny');
    const request = { path: folder, forms: ['checkpoint', 'onnx'], out };
    assert.deepEqual(asked?.work, { kind: 'export', request });
    assert.deepEqual(fake.offered, [
      '$(folder) exports/tiny',
      '$(folder-opened) Another folder…',
      '$(archive) The folder of the run',
    ]);
  });

  it('are not exported over another export without being asked', async () => {
    host = await hostOn('tiny');
    const out = join(host.folder, 'exports', 'tiny');
    mkdirSync(join(out, 'onnx'), { recursive: true });
    fake.picks = [['ONNX decoder'], 'exports/tiny'];
    await assert.rejects(execute(host.app, 'export', []), /stop/);
    assert.deepEqual(host.service.askedFor('submit'), []);
    assert.deepEqual(fake.messages.at(-1)?.buttons, ['Replace']);
    fake.picks = [['ONNX decoder'], 'exports/tiny'];
    fake.presses = ['Replace'];
    await execute(host.app, 'export', []);
    assert.equal(host.service.askedFor('submit').length, 1);
  });

  it('that were exported into the workspace come first, and are chosen by their figures', async () => {
    host = await hostOn('tiny', 'tiny-stopped');
    const [run] = host.app.store.runs.filter(({ state }) => state === 'finished');
    const path = join(host.folder, 'exports', 'mine', 'subnet.json');
    mkdirSync(join(path, '..'), { recursive: true });
    const figure = { ...run!.digest.figures.dense!, perplexity: 3.21, bytes: 2_500_000 };
    const key = bestSubnetKey(run!);
    const provenance = { runId: run!.manifest.id, figures: { searched: figure } };
    writeFileSync(path, JSON.stringify({ subnet: { key }, provenance }));
    await execute(host.app, 'openSubnetBeside', [{ run: run!.folder, subnet: key! }]);
    assert.deepEqual(fake.opened, [path]);
    fake.picks = ['tiny'];
    await execute(host.app, 'openSubnetBeside', []);
    assert.deepEqual(fake.choices[0], {
      label: 'tiny',
      description: 'perplexity 3.21 · 70% kept · 2.50 MB',
      detail: 'exports/mine/subnet.json',
    });
  });

  it('that were exported are opened beside, those that were not lead to the export', async () => {
    host = await hostOn('tiny', 'tiny-stopped');
    const [run] = host.app.store.runs.filter(({ state }) => state === 'finished');
    const path = run!.digest.exports.find(({ form }) => form === 'subnet')!.path;
    if (!existsSync(path)) writeFileSync(path, '{}');
    await execute(host.app, 'openSubnetBeside', []);
    assert.deepEqual(fake.opened, [path]);
    const { folder } = host.runs.get('tiny-stopped')!;
    const asked = execute(host.app, 'openSubnetBeside', [{ run: folder }]);
    await assert.rejects(asked, /Wait until a run has finished/);
    const outside = execute(host.app, 'openSubnetBeside', [{ run: folder, file: '/etc/passwd' }]);
    await assert.rejects(outside, /has not exported a subnet yet/);
  });
});

describe('steps of the walkthrough', () => {
  it('are ticked when their command has succeeded, not when it was called', async () => {
    host = await hostOn('tiny');
    registerCommands(host.app);
    await fake.commands.get('subnetStudio.insertLoader')!();
    fake.picks = [undefined];
    await fake.commands.get('subnetStudio.selectDevice')!();
    assert.equal(fake.contexts['subnetStudio.done.code'], undefined);
    assert.equal(fake.contexts['subnetStudio.done.device'], undefined);
    fake.picks = ['auto'];
    await fake.commands.get('subnetStudio.selectDevice')!();
    assert.equal(fake.contexts['subnetStudio.done.device'], true);
    fake.contexts = {};
    restoreSteps(host.app.context);
    assert.deepEqual(fake.contexts, { 'subnetStudio.done.device': true }, 'in the next window');
  });
});

describe('Add Model Folder', () => {
  it('asks for a folder and finds its models, in a remote window too', async () => {
    host = await hostOn();
    await assert.rejects(execute(host.app, 'addModelFolder', []), /stop/);
    const examples = join(import.meta.dirname, '..', '..', 'examples');
    fake.openFolder = examples;
    const said = await execute(host.app, 'addModelFolder', []);
    assert.match(said ?? '', /^Added\. .*tiny-llama.* found\.$/);
    assert.deepEqual(fake.settings['subnetStudio.modelFolders'], [examples]);
    assert.equal(fake.contexts['subnetStudio.noModel'], false);
    fake.openFolder = host.folder;
    await assert.rejects(execute(host.app, 'addModelFolder', []), /holds no model/);
  });
});

describe('Select Device', () => {
  const tried = (device: string, ok: boolean, reason: string) => ({
    ...{ device, ok, reason, chosen: ok, gflops: ok ? 118 : null, threads: null },
  });

  it('names the hardware, shows no rate, and says how a refused device is installed', async () => {
    host = await hostOn();
    const reason = 'the CUDA provider is not installed';
    const devices = [tried('cpu', true, 'asked for'), tried('cuda', false, reason)];
    host.service.answers['devices'] = () => devices;
    registerCommands(host.app);
    fake.picks = ['cuda'];
    fake.presses = ['How to Install CUDA'];
    await fake.commands.get('subnetStudio.selectDevice')!();
    await until(() => fake.executed.some(({ command }) => command === 'markdown.showPreview'));
    const text = `CUDA is not available: ${reason}.`;
    assert.match(fake.messages[0]!.text, new RegExp(`^${text} Choose another device`));
    assert.ok(!JSON.stringify(fake.choices).includes('GFLOP'), JSON.stringify(fake.choices));
    assert.equal(fake.choices[1]?.description, hardwareName('cpu'));
    assert.match(cudaPage(host.app.context.extensionPath), /libonnxruntime_providers_cuda\.so/);
    assert.equal(host.app.devices.refusalOf('cuda') === undefined, false);
    assert.equal(host.app.devices.refusalOf('cpu'), undefined);
  });
});

describe('Delete Run', () => {
  it('asks with a verb, and deletes nothing when that is not pressed', async () => {
    host = await hostOn('tiny');
    const { folder } = host.runs.get('tiny')!;
    await assert.rejects(execute(host.app, 'deleteRun', [{ run: folder }]), /stop/);
    assert.ok(existsSync(folder));
    assert.deepEqual(fake.messages.at(-1)?.buttons, ['Delete Run']);
    assert.equal(fake.messages.at(-1)?.modal, true);
    fake.presses = ['Delete Run'];
    await execute(host.app, 'deleteRun', [{ run: folder }]);
    assert.ok(!existsSync(folder));
    assert.deepEqual(host.app.store.rows, []);
  });

  it('deletes a selection, broken runs among it', async () => {
    host = await hostOn('tiny', 'tiny-corrupt', 'tiny-stopped');
    const names = ['tiny', 'tiny-corrupt'];
    fake.presses = ['Delete Runs'];
    const targets = names.map((name) => ({ run: host!.runs.get(name)!.folder }));
    await execute(host.app, 'deleteRun', targets);
    assert.deepEqual(
      host.app.store.rows.map((row) => (row.kind === 'run' ? row.manifest.name : row.kind)),
      ['tiny-stopped'],
    );
  });

  it('refuses a run that is at work', async () => {
    host = await hostOn('tiny-running');
    const { folder } = host.runs.get('tiny-running')!;
    await assert.rejects(execute(host.app, 'deleteRun', [{ run: folder }]), /Pause it/);
  });
});

describe('the first steps', () => {
  it('New Run Config asks five things and writes a config that is right', async () => {
    host = await hostOn();
    const model = join(import.meta.dirname, '..', '..', 'examples', 'tiny-llama');
    writeFileSync(join(host.folder, 'words.txt'), 'some words');
    fake.picks = ['tiny-llama', 'words.txt', 'narrower', '0.65', 'mine'];
    await execute(host.app, 'newConfig', []);
    const path = join(host.folder, 'mine.subnet.jsonc');
    const text = readFileSync(path, 'utf8');
    assert.match(text, /"text": "\.\/words\.txt"/);
    assert.match(text, /"ratio": 0\.65/);
    assert.ok(text.includes(model.split('/').at(-1)!));
    assert.deepEqual(fake.opened, [path]);
  });

  it('the bundled example is copied whole and run, once', async () => {
    host = await hostOn();
    await execute(host.app, 'runExample', []);
    const folder = join(host.folder, 'subnet-studio-example');
    const config = join(folder, 'tiny-llama.subnet.jsonc');
    assert.ok(existsSync(join(folder, 'tiny-llama', 'model.safetensors')));
    assert.ok(existsSync(join(folder, 'text', 'calibration.txt')));
    assert.doesNotMatch(readFileSync(config, 'utf8'), /\$schema/);
    writeFileSync(config, readFileSync(config, 'utf8').replace('0.7', '0.6'));
    await execute(host.app, 'runExample', []);
    assert.match(readFileSync(config, 'utf8'), /"ratio": 0\.6/, 'what was changed stays');
    assert.equal(host.service.askedFor('submit').length, 2);
  });

  it('without a folder the example runs in the storage of the extension', async () => {
    host = await hostOn();
    fake.folders = [];
    await execute(host.app, 'runExample', []);
    const config = join('storage', 'subnet-studio-example', 'tiny-llama.subnet.jsonc');
    assert.ok(existsSync(join(host.folder, config)));
    await assert.rejects(execute(host.app, 'newConfig', []), /Open a folder first/);
  });
});

describe('diagnostics', () => {
  it('hold versions and states, and nothing the user wrote', async () => {
    host = await hostOn('tiny', 'tiny-failed');
    await execute(host.app, 'copyDiagnostics', []);
    assert.match(fake.clipboard, /extension 1\.2\.3, VS Code 1\.101\.0/);
    assert.match(fake.clipboard, /failed, stage/);
    for (const private_ of [host.folder, 'tiny-failed', '.subnet.jsonc', 'storage']) {
      assert.ok(!fake.clipboard.includes(private_), private_);
    }
  });
});

describe('every command', () => {
  it('can be called bare in an empty window and says what to do', async () => {
    host = await hostOn();
    fake.folders = [];
    registerCommands(host.app);
    for (const name of Object.keys(commandTable)) {
      const before = fake.messages.length;
      await fake.commands.get(`subnetStudio.${name}`)!();
      for (const { text, buttons, modal } of fake.messages.slice(before)) {
        assert.doesNotMatch(text, /bug|expected .* found/, name);
        const helpful = buttons.filter((one) => !/^(Show Log|Copy Diagnostics)$/.test(one));
        assert.ok(modal || helpful.length > 0, `${name}: ${text} leads nowhere`);
      }
    }
  });
});
