import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import type { EstimateReport } from '../../src/protocol/estimate.ts';
import { fake, hostOn, someJob, until, vscode, type TestHost } from './harness.ts';

const { registerCommands } = await import('../../src/host/commands/commandTable.ts');
const { StatusBar } = await import('../../src/host/ui/statusBar.ts');
const { notifyOfEnds } = await import('../../src/host/ui/notifications.ts');
const { keepContexts } = await import('../../src/host/ui/contexts.ts');
const { runLook } = await import('../../src/host/trees/runLook.ts');
const { RunTerminal, RunTasks } = await import('../../src/host/ui/runTasks.ts');
const { estimatePage } = await import('../../src/host/ui/estimatePage.ts');
const { formatDuration, formatFitness } = await import('../../src/host/ui/format.ts');

let host: TestHost | undefined;
afterEach(() => {
  host?.dispose();
  host = undefined;
});

describe('the status bar', () => {
  it('tells of the run that runs, and is gone when nothing does', async () => {
    host = await hostOn('tiny-running');
    const bar = new StatusBar(host.app.store, host.app.comparisons);
    await host.app.store.refresh();
    assert.match(
      fake.statusText ?? '',
      /^\$\(sync~spin\) generation \d+ of \d+ · search perplexity \d+\.\d+$/,
    );
    const { configPath } = host.runs.get('tiny-running')!;
    host.service.tell([someJob({ kind: 'run', configPath }, { state: 'queued' })]);
    host.kill('tiny-running');
    await until(() => {
      host!.app.store.touch(host!.runs.get('tiny-running')!.folder);
      return fake.statusText === undefined;
    });
    bar.dispose();
  });
});

describe('a click on the status bar', () => {
  it('opens what is running then, by a command that updates leave alone', async () => {
    host = await hostOn('tiny-running', 'tiny');
    const bar = new StatusBar(host.app.store, host.app.comparisons);
    for (let i = 0; i < 3; i++) await host.app.store.refresh();
    assert.deepEqual(fake.statusCommands, ['subnetStudio.openRunning']);
    registerCommands(host.app);
    await fake.commands.get('subnetStudio.openRunning')!();
    assert.deepEqual(
      fake.panels.map(({ title }) => title),
      ['tiny-running'],
    );
    bar.dispose();
  });
});

describe('notifications', () => {
  it('tell of the end of work of this workspace, not of others, and not twice', async () => {
    host = await hostOn('tiny');
    notifyOfEnds(host.app);
    const { folder } = host.runs.get('tiny')!;
    const work = { kind: 'resume', runFolder: folder } as const;
    const other = { kind: 'resume', runFolder: '/elsewhere/run' } as const;
    host.service.tell([someJob(work), someJob(other, { id: 'j2' })]);
    const ended = [
      someJob(work, { state: 'finished', endedMs: 58_002 }),
      someJob(other, { id: 'j2', state: 'finished' }),
    ];
    host.service.tell(ended);
    host.service.tell(ended);
    assert.equal(fake.messages.length, 1);
    assert.match(
      fake.messages[0]!.text,
      /^"demo" has finished in 58 s: perplexity [\d.]+ \(dense [\d.]+\) · \d+ kB \(dense \d+ kB\)\.$/,
    );
    const buttons = ['Open Dashboard', 'Open Subnet Config', "Don't Show Again"];
    assert.deepEqual(fake.messages[0]!.buttons, buttons);
  });

  it('say that a reform was not kept, with the figure of the weights that stay', async () => {
    host = await hostOn('tiny');
    notifyOfEnds(host.app);
    const { folder } = host.runs.get('tiny')!;
    const [run] = host.app.store.runs;
    const { key } = run!.digest.top[0]!;
    const figure = { ...run!.digest.figures.dense!, perplexity: 3.25 };
    const request = { runFolder: folder, key, reform: true, evaluate: true, forms: [] } as const;
    const work = { kind: 'subnet', request } as const;
    const change = { before: 1.1, after: 1.2 };
    const verdict = {
      ...{ step: 0, maps: { all: 4, accepted: 3 }, tokens: 64 },
      ...{ loss: change, distance: change },
    };
    host.service.tell([someJob(work)]);
    const report = { key, figure, reformed: null, exports: [], verdict };
    host.service.tell([someJob(work, { state: 'finished', result: report })]);
    assert.match(
      fake.messages[0]!.text,
      /: perplexity 3\.25 .* · the reform brought no certain gain and was not kept\.$/,
    );
  });

  it('give the result of work on a subnet, and tick the export when files are written', async () => {
    host = await hostOn('tiny');
    notifyOfEnds(host.app);
    const { folder } = host.runs.get('tiny')!;
    const [run] = host.app.store.runs;
    const { key } = run!.digest.top[0]!;
    const dense = run!.digest.figures.dense!;
    const figure = { ...dense, perplexity: 3.25, bytes: 2_500_000 };
    const asked = { runFolder: folder, key, reform: false, evaluate: true, forms: [] } as const;
    const evaluate = { kind: 'subnet', request: asked } as const;
    host.service.tell([someJob(evaluate)]);
    const report = { key, figure, reformed: null, exports: [] };
    host.service.tell([someJob(evaluate, { state: 'finished', result: report })]);
    assert.match(fake.messages[0]!.text, /: perplexity 3\.25 \(dense [\d.]+\) · 2\.50 MB \(dense/);
    assert.equal(fake.contexts['subnetStudio.done.export'], undefined);

    const out = join(host.folder, 'exports', 'tiny');
    const none = { verified: null, loadable: null, prefillMs: null, decodeMs: null };
    const files = [
      { form: 'subnet', path: join(out, 'subnet.json'), bytes: 10, ...none },
      { form: 'onnx', path: join(out, 'onnx', 'model.onnx'), bytes: 2_940_000, ...none },
    ];
    const work = { kind: 'export', request: { path: folder, out, forms: ['onnx'] } } as const;
    host.service.tell([someJob(work, { id: 'j3' })]);
    host.service.tell([someJob(work, { id: 'j3', state: 'finished', result: files })]);
    assert.match(fake.messages[1]!.text, /: ONNX decoder 2\.94 MB · written to exports\/tiny\.$/);
    assert.ok(fake.messages[1]!.buttons.includes('Open Subnet Config'));
    assert.equal(fake.contexts['subnetStudio.done.export'], true);
  });

  it('of a failure give the reason, and offer to resume and the log', async () => {
    host = await hostOn('tiny-failed');
    notifyOfEnds(host.app);
    const { folder } = host.runs.get('tiny-failed')!;
    const work = { kind: 'resume', runFolder: folder } as const;
    fake.presses = ['Resume'];
    host.service.tell([someJob(work)]);
    const error = { code: 'run', message: 'The engine process: its end by SIGKILL. Resume it.' };
    host.service.tell([someJob(work, { state: 'failed', error })]);
    await until(() => host!.service.askedFor('submit').length === 1);
    const [shown] = fake.messages;
    assert.match(shown!.text, /^demo: The engine process: its end by SIGKILL/);
    assert.deepEqual(shown!.buttons, ['Resume', 'Open Run Log', 'Show Log']);
  });

  it('stay away when the user wants none, and the log keeps them', async () => {
    host = await hostOn('tiny');
    fake.settings['subnetStudio.notifications'] = 'never';
    notifyOfEnds(host.app);
    const work = { kind: 'resume', runFolder: host.runs.get('tiny')!.folder } as const;
    host.service.tell([someJob(work)]);
    host.service.tell([someJob(work, { state: 'failed', error: { code: 'run', message: 'x' } })]);
    assert.deepEqual(fake.messages, []);
    assert.ok(fake.logged.includes('demo: x'));
  });
});

describe('work on a subnet', () => {
  it('shows its progress in the row of its run and in the status bar', async () => {
    host = await hostOn('tiny');
    const bar = new StatusBar(host.app.store, host.app.comparisons);
    const { folder } = host.runs.get('tiny')!;
    const request = { path: folder, forms: ['onnx'] } as const;
    const title = 'Export tiny';
    host.service.tell([someJob({ kind: 'export', request }, { title, fraction: 0.456 })]);
    assert.equal(fake.statusText, '$(sync~spin) Export tiny 45%');
    assert.match(runLook(host.app.store.runs[0]!).description, / · Export tiny 45%$/);
    host.service.tell([someJob({ kind: 'export', request }, { title, state: 'finished' })]);
    assert.equal(fake.statusText, undefined);
    bar.dispose();
  });
});

describe('what the menus offer', () => {
  it('follows the runs that are there', async () => {
    host = await hostOn('tiny', 'tiny-stopped');
    keepContexts(host.app.store, host.app.comparisons, host.app.roots);
    const has = (): unknown[] =>
      ['anyRun', 'manyRuns', 'anyActive', 'anyResumable', 'anyQueued'].map(
        (key) => fake.contexts[`subnetStudio.${key}`],
      );
    await host.app.store.refresh();
    assert.deepEqual(has(), [true, true, false, true, false]);
    const { folder } = host.runs.get('tiny-stopped')!;
    host.service.tell([someJob({ kind: 'resume', runFolder: folder }, { state: 'queued' })]);
    assert.deepEqual(has(), [true, true, true, false, true]);
  });
});

describe('tasks', () => {
  it('are offered for every config', async () => {
    host = await hostOn('tiny', 'tiny-stopped');
    const tasks = await new RunTasks(host.app).provideTasks();
    assert.deepEqual(
      tasks.map(({ name, definition }) => `${name} ${String(definition['config'])}`),
      ['tiny-stopped tiny-stopped.subnet.jsonc', 'tiny tiny.subnet.jsonc'],
    );
  });

  it('run through the service and end with its result', async () => {
    host = await hostOn('tiny');
    const { configPath, folder } = host.runs.get('tiny')!;
    const { lines, codes, terminal } = terminalOf(configPath);
    terminal.open();
    await until(() => host!.service.askedFor('submit').length === 1);
    const work = { kind: 'run', configPath } as const;
    host.service.tell([someJob(work, { state: 'queued' })]);
    host.service.tell([someJob(work, { state: 'finished', runFolder: folder })]);
    assert.deepEqual(codes, [0]);
    assert.match(lines.join(''), /Waiting in the queue\r\nFinished: .*\r\n$/);
    host.service.tell([someJob(work, { state: 'failed' })]);
    assert.deepEqual(codes, [0], 'it has ended');
  });

  it('say what is wrong with a config in the form of a compiler', async () => {
    host = await hostOn();
    const path = join(host.folder, 'bad.subnet.jsonc');
    writeFileSync(path, '{\n  "model": "m",\n  "ratio": 7,\n  "text": "t"\n}\n');
    const { lines, codes, terminal } = terminalOf(path);
    terminal.open();
    await until(() => codes.length === 1);
    assert.deepEqual(codes, [1]);
    assert.match(lines.join(''), /bad\.subnet\.jsonc:3:12: error: "ratio" must be a number/);
  });

  it('whose terminal is closed stop their run', async () => {
    host = await hostOn('tiny');
    const { configPath } = host.runs.get('tiny')!;
    const { terminal } = terminalOf(configPath);
    terminal.open();
    await until(() => host!.service.askedFor('submit').length === 1);
    host.service.tell([someJob({ kind: 'run', configPath })]);
    terminal.close();
    await until(() => host!.service.askedFor('cancel').length === 1);
  });

  function terminalOf(path: string): {
    readonly lines: string[];
    readonly codes: number[];
    readonly terminal: InstanceType<typeof RunTerminal>;
  } {
    const terminal = new RunTerminal(host!.app, vscode.Uri.file(path) as never);
    const lines: string[] = [];
    const codes: number[] = [];
    terminal.onDidWrite((text) => void lines.push(text));
    terminal.onDidClose((code) => void codes.push(code));
    return { lines, codes, terminal };
  }
});

describe('the page of a dry run', () => {
  const report: EstimateReport = {
    name: 'a *bold* name',
    model: { path: '/m', family: 'llama', layers: 8 },
    params: { dense: 2_000_000, subnet: 1_500_000 },
    blockParams: { dense: 1_000_000, subnet: 700_000 },
    widths: { qk: 11, vo: 22, mlp: 270 },
    stages: [
      { stage: 'import', ms: 1000, peakBytes: 1e6, why: 'Reading 4 MB.' },
      { stage: 'search', ms: 90_000, peakBytes: 2e6, why: '200 candidates of 0.45 s.' },
    ],
    totalMs: 91_000,
    device: { device: 'cpu', gflops: 40, why: 'It does 40 GFLOP/s.' },
    memory: { peakBytes: 6e8, freeBytes: 2e8, fits: false },
    disk: { neededBytes: 2e7, freeBytes: 7e10, fits: true },
    windows: { calibration: [128, 256], search: [16, 256], heldout: [9, 256] },
    candidates: 200,
    warnings: ['The memory does not suffice.'],
  };

  it('says what, how long, how much and why', () => {
    const page = estimatePage(report, '/x/a.subnet.jsonc');
    assert.match(page, /✗\*\* Memory: 600 MB needed at its peak, only 200 MB free/);
    assert.match(page, /✓ Disk: 20\.0 MB written/);
    assert.match(page, /\| search \| 2 min \| `█{20}` \|/);
    assert.match(page, /\*\*search\*\*: 200 candidates of 0\\\.45 s/);
    assert.match(page, /700 k \(70\.0%\)/);
    assert.match(page, /\\\*bold\\\*/, 'a name cannot change the page');
  });
});

describe('figures', () => {
  it('are short, with units', () => {
    const times = [-5, 59_400, 60_000, 7_500_000].map(formatDuration);
    assert.deepEqual(times, ['0 s', '59 s', '1 min', '2 h 05 min']);
    assert.deepEqual([0.5, 8.412, 1234.5, 2e7].map(formatFitness), [
      ...['0.5000', '8.41', '1235', '2.00e+7'],
    ]);
  });
});
