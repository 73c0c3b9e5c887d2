import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import {
  SocketMessageReader,
  SocketMessageWriter,
  createMessageConnection,
} from 'vscode-jsonrpc/node';
import { isEngineError } from '../../src/protocol/errors.ts';
import { Remote } from '../../src/protocol/rpc.ts';
import { SERVICE_PROTOCOL, serviceApi, type Job } from '../../src/protocol/serviceApi.ts';
import { savedQueue } from '../../src/service/queueStore.ts';
import { ServiceClient } from '../../src/service/serviceClient.ts';
import { readRecord, removeRecord, writeRecord } from '../../src/service/serviceRecord.ts';
import { isThere, newService, open, root, submit, until, waitFor } from './serviceUnderTest.ts';

// The real service process, socket and client; only the engine behind it is a stand-in.
const limits = { timeout: 30_000 };
const config = (name: string): string => join(folderOf(name), name);

test('two windows that start at once get one service', limits, async () => {
  const options = newService();
  assert.equal(await ServiceClient.attach(options), undefined, 'attaching starts nothing');
  const [a, b] = await Promise.all([open(options), open(options)]);
  assert.equal(a.pid, b.pid);
  assert.notEqual(a.pid, process.pid);
  const found = await ServiceClient.attach(options);
  assert.equal(found?.pid, a.pid);
  found.close();
  await assert.rejects(
    found.request(serviceApi.jobs, {}),
    /connection to the engine service is closed/,
  );
  if (process.platform !== 'win32') {
    assert.equal(statSync(join(options.stateDir, 'service.json')).mode & 0o777, 0o600);
    assert.equal(statSync(join(readRecord(options.stateDir)!.socket, '..')).mode & 0o777, 0o700);
  }
});

test('jobs run one after the other, in an order that can be changed', limits, async () => {
  const client = await open(newService());
  const [first, second, third] = [
    await submit(client, { kind: 'run', configPath: config('slow-1') }, 'first'),
    await submit(client, { kind: 'run', configPath: config('good-2') }, 'second'),
    await submit(client, { kind: 'run', configPath: config('good-3') }, 'third'),
  ];
  await waitFor(client, first, ({ stage }) => stage === 'search');
  await client.request(serviceApi.move, { id: third, to: 0 });
  const jobs = await client.request(serviceApi.jobs, {});
  assert.deepEqual(
    jobs.map(({ title, state }) => `${title} ${state}`),
    ['first running', 'third queued', 'second queued'],
  );
  await client.request(serviceApi.finishSearch, { id: first });
  const done = await waitFor(client, second, ({ state }) => state === 'finished');
  assert.ok(typeof done.result === 'object' && done.result !== null && 'exports' in done.result);
  const ended = await client.request(serviceApi.jobs, {});
  assert.deepEqual(
    ended.map(({ title, state }) => `${title} ${state}`),
    ['second finished', 'third finished', 'first finished'],
  );
  assert.ok(ended.every(({ pid, runFolder }) => pid === null && runFolder !== null));
});

test('a cancelled job is stopped, wherever it stood', limits, async () => {
  const client = await open(newService());
  const running = await submit(client, { kind: 'run', configPath: config('slow-run') });
  const waiting = await submit(client, { kind: 'run', configPath: config('slow-wait') });
  await waitFor(client, running, ({ pid }) => pid !== null);
  await client.request(serviceApi.cancel, { id: waiting });
  await client.request(serviceApi.cancel, { id: running });
  for (const id of [waiting, running]) {
    const job = await waitFor(client, id, ({ state }) => state === 'stopped');
    assert.equal(job.error, null);
  }
  await client.request(serviceApi.cancel, { id: running });
  await assert.rejects(client.request(serviceApi.cancel, { id: 'nobody' }), /has no job nobody/);
  await assert.rejects(
    client.request(serviceApi.finishSearch, { id: running }),
    /has no search that could be ended/,
  );
});

test('an engine that is killed fails its job, and the queue goes on', limits, async () => {
  const client = await open(newService());
  const killed = await submit(client, { kind: 'run', configPath: config('slow-noisy') });
  const next = await submit(client, { kind: 'run', configPath: config('good-next') });
  const { pid } = await waitFor(client, killed, ({ stage }) => stage === 'search');
  process.kill(pid!, 'SIGKILL');
  const job = await waitFor(client, killed, ({ state }) => state === 'failed');
  assert.equal(job.error!.code, 'run');
  assert.match(job.error!.message, /SIGKILL[^]*a native library speaks/);
  assert.match(readFileSync(join(job.runFolder!, 'log.txt'), 'utf8'), /a native library speaks/);
  await waitFor(client, next, ({ state }) => state === 'finished');
});

test('an expected error and a bug are told by their codes', limits, async () => {
  const client = await open(newService());
  const broken = await submit(client, { kind: 'run', configPath: config('broken') });
  const bug = await submit(client, { kind: 'run', configPath: config('bug') });
  const first = await waitFor(client, broken, ({ state }) => state === 'failed');
  assert.deepEqual(first.error!.code, 'config');
  const second = await waitFor(client, bug, ({ state }) => state === 'failed');
  assert.deepEqual(second.error, { code: 'bug', message: 'undefined is not a subnet' });
});

test('the same work twice, relative paths and unknown work are refused', limits, async () => {
  const client = await open(newService());
  const work = { kind: 'run', configPath: config('slow-once') } as const;
  const id = await submit(client, work, 'mine');
  await assert.rejects(
    submit(client, work),
    /mine: the same work is (running|waiting in the queue) already/,
  );
  const { runFolder } = await waitFor(client, id, (job) => job.runFolder !== null);
  await assert.rejects(
    submit(client, { kind: 'resume', runFolder: runFolder! }),
    /mine: the same work is running already/,
  );
  await submit(client, { ...work, overrides: { seed: 2 } });
  await assert.rejects(submit(client, { kind: 'run', configPath: 'a.jsonc' }), /is not absolute/);
  await assert.rejects(client.request(serviceApi.inspect, { path: 'm' }), /is not absolute/);
  await assert.rejects(
    submit(client, { kind: 'dance' } as never),
    /of a kind that this version does not know/,
  );
});

test('short questions are answered beside a run', limits, async () => {
  const client = await open(newService());
  await submit(client, { kind: 'run', configPath: config('slow-beside') });
  const { family } = await client.request(serviceApi.inspect, { path: root });
  assert.equal(family, 'llama');
  assert.equal((await client.request(serviceApi.devices, {})).length, 1);
  await assert.rejects(
    client.request(serviceApi.estimate, { configPath: config('x') }),
    /estimates nothing/,
  );
  assert.equal((await client.request(serviceApi.jobs, {}))[0]!.state, 'running');
});

test('the list of jobs is told when it changes, at most four times a second', limits, async () => {
  const client = await open(newService());
  const told: { readonly jobs: readonly Job[]; readonly atMs: number }[] = [];
  client.on(serviceApi.jobsChanged, ({ jobs }) => {
    told.push({ jobs, atMs: performance.now() });
  });
  const id = await submit(client, { kind: 'run', configPath: config('good-told') });
  await until(() => told.some(({ jobs }) => jobs[0]?.state === 'finished'));
  assert.equal(told.at(-1)!.jobs[0]!.id, id);
  for (const [i, { atMs }] of told.entries()) {
    const before = told[i - 2]?.atMs;
    // Two in a row may come close together when the first was late.
    if (before !== undefined) assert.ok(atMs - before > 240, `${atMs - before} ms`);
  }
});

test('who does not know the token, or says nothing, is shown out', limits, async () => {
  const options = newService({ helloMs: 300 });
  const client = await open(options);
  const { socket, token } = readRecord(options.stateDir)!;
  const ask = (): { remote: Remote; closed: Promise<void> } => {
    const stream = connect(socket);
    const closed = new Promise<void>((resolve) => {
      stream.once('close', () => {
        resolve();
      });
    });
    const connection = createMessageConnection(
      new SocketMessageReader(stream),
      new SocketMessageWriter(stream),
    );
    const remote = new Remote(connection);
    connection.listen();
    return { remote, closed };
  };
  const liar = ask();
  await assert.rejects(
    liar.remote.request(serviceApi.hello, { token: 'x', protocol: SERVICE_PROTOCOL }),
    /another token than the one in its record/,
  );
  await liar.closed;
  const rude = ask();
  await assert.rejects(rude.remote.request(serviceApi.jobs, {}), /another request before "hello"/);
  await rude.closed;
  const stranger = ask();
  await assert.rejects(
    stranger.remote.request(serviceApi.hello, { token, protocol: 99 }),
    /speaks protocol \d+; this extension speaks 99\./,
  );
  await stranger.closed;
  await ask().closed;
  assert.deepEqual(await client.request(serviceApi.jobs, {}), []);
});

test('a record of a service that is gone is not believed', limits, async () => {
  const options = newService();
  writeRecord(options.stateDir, {
    ...{ pid: 2 ** 22 + 1, started: 'long ago', socket: join(root, 'nowhere', 's') },
    ...{ token: 'old', version: '0.0.0', protocol: SERVICE_PROTOCOL },
  });
  assert.equal(await ServiceClient.attach(options), undefined);
  const client = await open(options);
  assert.equal(readRecord(options.stateDir)!.pid, client.pid);
  writeFileSync(join(options.stateDir, 'service.json'), '{');
  assert.equal(await ServiceClient.attach(options), undefined);
});

test('a service of another protocol is told as such', limits, async () => {
  const options = newService();
  writeRecord(options.stateDir, {
    ...{ pid: process.pid, started: null, socket: join(root, 'nowhere', 's') },
    ...{ token: 'old', version: '9.9.9', protocol: SERVICE_PROTOCOL + 1 },
  });
  await assert.rejects(ServiceClient.attach(options), (error) => {
    return isEngineError(error, 'run') && /version 9\.9\.9/.test(error.message);
  });
  removeRecord(options.stateDir);
});

test('it ends by itself when nobody needs it, and not before', limits, async () => {
  const options = newService({ idleMs: 300 });
  const client = await open(options);
  const { socket } = readRecord(options.stateDir)!;
  await sleep(600);
  assert.ok(isThere(client.pid), 'a client keeps it');
  const id = await submit(client, { kind: 'run', configPath: config('slow-alone') });
  let isTold = false;
  client.onClosed(() => (isTold = true));
  client.close();
  assert.ok(isTold);
  await sleep(600);
  const again = await open(options);
  assert.equal(again.pid, client.pid, 'a job keeps it');
  await again.request(serviceApi.cancel, { id });
  await waitFor(again, id, ({ state }) => state === 'stopped');
  again.close();
  await until(() => readRecord(options.stateDir) === undefined && !isThere(client.pid));
  if (process.platform !== 'win32') assert.throws(() => statSync(socket), /ENOENT/);
  assert.match(readFileSync(join(options.stateDir, 'service.log'), 'utf8'), /service ends/);
});

test('a service that is killed loses no queue: the next one takes it over', limits, async () => {
  const options = newService();
  const client = await open(options);
  const running = await submit(client, { kind: 'run', configPath: config('slow-lost') }, 'ran');
  const waiting = await submit(client, { kind: 'run', configPath: config('good-kept') }, 'kept');
  const { pid, runFolder } = await waitFor(client, running, ({ stage }) => stage === 'search');
  const lost = new Promise<void>((resolve) => {
    client.onClosed(resolve);
  });
  process.kill(client.pid, 'SIGKILL');
  await lost;
  await assert.rejects(client.request(serviceApi.jobs, {}), /closed the connection/);
  assert.equal(await ServiceClient.attach(options), undefined);
  assert.equal(savedQueue(options.stateDir).jobs.length, 2);
  const next = await open(options);
  assert.notEqual(next.pid, client.pid);
  await waitFor(next, waiting, ({ state }) => state === 'finished');
  const failed = await waitFor(next, running, ({ state }) => state === 'failed');
  assert.match(failed.error!.message, /was ended, from outside or by a crash,.*resume it/);
  assert.equal(failed.runFolder, runFolder);
  // The engine notices that nobody is left.
  await until(() => !isThere(pid!));
});

test('a service that cannot start says why', limits, async () => {
  const broken = newService({ serviceEntry: join(root, 'nowhere.cjs') });
  await assert.rejects(ServiceClient.start(broken), /did not start: exit code 1[^]*nowhere\.cjs/);
});

function folderOf(name: string): string {
  // The stand-in puts its run beside the config; each gets a folder of its own.
  const folder = join(root, 'configs', name);
  mkdirSync(folder, { recursive: true });
  return folder;
}
