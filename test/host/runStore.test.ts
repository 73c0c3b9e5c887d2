import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { afterEach, describe, it } from 'node:test';
import { hostOn, someJob, until, type TestHost } from './harness.ts';

let host: TestHost | undefined;
afterEach(() => {
  host?.dispose();
  host = undefined;
});

describe('the list of runs', () => {
  it('shows each run with the state its folder tells, newest first', async () => {
    host = await hostOn('tiny', 'tiny-stopped', 'tiny-failed');
    const states = ['tiny finished', 'tiny-failed failed', 'tiny-stopped paused'];
    assert.deepEqual(statesOf(host), states);
    const created = host.app.store.runs.map(({ manifest }) => manifest.createdMs);
    assert.deepEqual(
      created,
      created.toSorted((a, b) => b - a),
    );
  });

  it('shows a run that cannot be read as one row with the reason, and all others', async () => {
    host = await hostOn('tiny-corrupt', 'tiny-newer', 'tiny');
    const [first, ...broken] = host.app.store.rows;
    assert.equal(first?.kind, 'run');
    assert.deepEqual(
      broken.map(({ kind }) => kind),
      ['broken', 'broken'],
    );
    const reasons = broken.map((row) => (row.kind === 'broken' ? row.message : '')).join('\n');
    assert.match(reasons, /JSON/);
    assert.match(reasons, /newer version/);
  });

  it('follows a run that another process writes', async () => {
    host = await hostOn('tiny-running');
    const run = host.runs.get('tiny-running')!;
    const { store } = host.app;
    assert.deepEqual(statesOf(host), ['tiny-running running']);
    const before = store.runs[0]!.digest;
    let told = 0;
    store.onDidChange(() => told++);
    for (let i = 0; i < 20; i++) run.next();
    await until(() => store.runs[0]!.digest.generation! > before.generation!);
    assert.ok(told > 0);
  });

  it('calls a run whose process is gone interrupted', async () => {
    host = await hostOn('tiny-running');
    host.kill('tiny-running');
    host.service.tell([]);
    await host.app.store.refresh();
    await until(() => {
      host!.app.store.touch(host!.runs.get('tiny-running')!.folder);
      return statesOf(host!).includes('tiny-running interrupted');
    });
  });

  it('forgets a run whose folder is deleted', async () => {
    host = await hostOn('tiny', 'tiny-failed');
    rmSync(host.runs.get('tiny')!.folder, { recursive: true });
    await until(() => statesOf(host!).join() === 'tiny-failed failed');
  });

  it('joins runs with the jobs of the service', async () => {
    host = await hostOn('tiny-stopped', 'tiny-failed');
    const [stopped, failed] = ['tiny-stopped', 'tiny-failed'].map((name) => host!.runs.get(name)!);
    host.service.tell([
      someJob({ kind: 'resume', runFolder: stopped!.folder }, { runFolder: stopped!.folder }),
      someJob({ kind: 'resume', runFolder: failed!.folder }, { id: 'j2', state: 'queued' }),
      someJob({ kind: 'run', configPath: stopped!.configPath }, { id: 'j3', state: 'queued' }),
    ]);
    assert.deepEqual(statesOf(host), ['tiny-failed queued', 'tiny-stopped running']);
    const [waiting] = host.app.store.rows;
    assert.deepEqual([waiting?.kind, waiting?.kind === 'queued' && waiting.place], ['queued', 2]);
    assert.equal(host.app.store.find(failed!.folder)?.queuePlace, 1);
    host.service.tell([]);
    assert.deepEqual(statesOf(host), ['tiny-failed failed', 'tiny-stopped paused']);
  });

  it('says what is being done with a subnet of a run', async () => {
    host = await hostOn('tiny');
    const { folder } = host.runs.get('tiny')!;
    const key = host.app.store.runs[0]!.digest.top[0]!.key;
    const request = { runFolder: folder, key, reform: true, evaluate: true, forms: [] };
    host.service.tell([someJob({ kind: 'subnet', request }, { title: 'Reform 3.1' })]);
    const [run] = host.app.store.runs;
    assert.deepEqual([run?.state, run?.busyWith], ['finished', 'Reform 3.1']);
  });

  it('keeps the best subnets and the figures of a run, and nothing that grows with it', async () => {
    host = await hostOn('tiny');
    const { digest } = host.app.store.runs[0]!;
    assert.equal(digest.top.length, 5);
    const fitness = digest.top.map((one) => one.fitness);
    assert.deepEqual(
      fitness,
      fitness.toSorted((a, b) => a - b),
    );
    assert.equal(digest.best, fitness[0]);
    assert.equal(digest.generations.length, digest.generation! + 1);
    assert.ok(digest.figures.reformed!.perplexity! > 0);
    assert.ok(JSON.stringify(digest).length < 20_000);
  });
});

function statesOf({ app }: TestHost): string[] {
  return app.store.runs.map(({ manifest, state }) => `${manifest.name} ${state}`).sort();
}
