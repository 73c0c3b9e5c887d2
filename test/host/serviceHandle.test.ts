import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { someJob, TestService, until } from './harness.ts';

const { ServiceHandle } = await import('../../src/host/service/serviceHandle.ts');

const work = { kind: 'run', configPath: '/a.subnet.jsonc' } as const;

describe('the hold on the service', () => {
  it('starts nothing when there is none to attach to', async () => {
    const service = new TestService();
    service.isLive = false;
    const handle = new ServiceHandle(service.door);
    assert.equal(await handle.attachIfLive(), false);
    assert.deepEqual([handle.state.kind, service.starts], ['off', 0]);
  });

  it('attaches to one that lives and knows its jobs', async () => {
    const service = new TestService();
    service.jobs = [someJob(work)];
    const handle = new ServiceHandle(service.door);
    assert.equal(await handle.attachIfLive(), true);
    assert.deepEqual(
      handle.jobs.map(({ id }) => id),
      ['j1'],
    );
    assert.equal(service.starts, 0);
  });

  it('starts one on the first need, once for many', async () => {
    const service = new TestService();
    service.isLive = false;
    const handle = new ServiceHandle(service.door);
    const states: string[] = [];
    handle.onDidChangeState(({ kind }) => states.push(kind));
    await Promise.all([handle.submit(work, 'a'), handle.submit(work, 'b')]);
    assert.equal(service.starts, 1);
    assert.deepEqual(states, ['starting', 'attached']);
  });

  it('finds the service again when the connection breaks while jobs run', async () => {
    const service = new TestService();
    service.jobs = [someJob(work)];
    const handle = new ServiceHandle(service.door, [5, 5, 5]);
    await handle.attachIfLive();
    service.break();
    service.isLive = true;
    await until(() => handle.state.kind === 'attached');
    assert.equal(service.askedFor('jobs').length, 2);
  });

  it('gives up after some tries, says why, and leaves no job running', async () => {
    const service = new TestService();
    service.jobs = [someJob(work)];
    const handle = new ServiceHandle(service.door, [5, 5]);
    await handle.attachIfLive();
    service.break();
    await until(() => handle.state.kind === 'failed');
    assert.match(String(handle.state.kind === 'failed' && handle.state.error), /resume them/);
    assert.deepEqual(handle.jobs, []);
    await handle.submit(work, 'again');
    assert.equal(service.starts, 1, 'the next need starts a new one');
  });

  it('counts an idle service that ended as off, not as an error', async () => {
    const service = new TestService();
    const handle = new ServiceHandle(service.door, [5]);
    await handle.attachIfLive();
    service.break();
    assert.equal(handle.state.kind, 'off');
  });

  it('tells a failure to start to whoever asked, and to the state', async () => {
    const service = new TestService();
    service.isLive = false;
    const start = (): Promise<never> => Promise.reject(new Error('no engine'));
    const handle = new ServiceHandle({ ...service.door, start });
    await assert.rejects(handle.submit(work, 'a'), /no engine/);
    assert.equal(handle.state.kind, 'failed');
  });

  it('waits for a job to come so far, and not for ever', async () => {
    const service = new TestService();
    const handle = new ServiceHandle(service.door);
    await handle.attachIfLive();
    const begun = handle.waitFor('j1', ({ runFolder }) => runFolder !== null, 5000);
    service.tell([someJob(work)]);
    service.tell([someJob(work, { runFolder: '/r' })]);
    assert.equal((await begun)?.runFolder, '/r');
    assert.equal(await handle.waitFor('other', () => true, 5), undefined);
  });
});
