import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { isEngineError } from '../../src/protocol/errors.ts';
import { serviceApi, type JobWork } from '../../src/protocol/serviceApi.ts';
import { readRecord } from '../../src/service/serviceRecord.ts';
import { isThere, newService, open, root, submit, until, waitFor } from './serviceUnderTest.ts';

// What is asked of a service: every kind of work, and what is none.
const limits = { timeout: 60_000 };

test(
  'a service that is killed with every kind of job in its queue loses none',
  limits,
  async () => {
    const options = newService();
    const client = await open(options);
    const running = await submit(
      client,
      { kind: 'run', configPath: config('slow-all') },
      'running',
    );
    await waitFor(client, running, ({ stage }) => stage === 'search');
    const key = '0123456789abcdef';
    const kinds: { readonly [K in JobWork['kind']]: Extract<JobWork, { readonly kind: K }> } = {
      run: { kind: 'run', configPath: config('good-all') },
      resume: { kind: 'resume', runFolder: folderOf('good-resumed') },
      evaluate: { kind: 'evaluate', request: { path: '/model', text: '/text', context: 64 } },
      export: { kind: 'export', request: { path: '/run', forms: ['onnx'] } },
      subnet: {
        kind: 'subnet',
        request: { runFolder: '/run', key, reform: true, evaluate: true, forms: [] },
      },
      compare: { kind: 'compare', request: { configPath: config('good-compare') } },
    };
    const ids: string[] = [];
    for (const work of Object.values(kinds)) ids.push(await submit(client, work, work.kind));
    process.kill(client.pid, 'SIGKILL');
    await until(() => !isThere(client.pid));
    const next = await open(options);
    for (const id of ids) await waitFor(next, id, ({ state }) => state === 'finished');
    const lost = await waitFor(next, running, ({ state }) => state === 'failed');
    assert.match(lost.error!.message, /by a crash/);
  },
);

test('what is asked is checked, and a stranger may not say much', limits, async () => {
  const options = newService();
  const client = await open(options);
  for (const [descriptor, params] of [
    [serviceApi.cancel, { id: 7 }],
    [serviceApi.cancel, null],
    [serviceApi.move, { id: 'x', to: '1' }],
    [serviceApi.inspect, { path: ['/a'] }],
    [serviceApi.submit, { work: { kind: 'run' }, title: 'x' }],
    [serviceApi.submit, { work: { kind: 'subnet', request: {} }, title: 'x' }],
    [serviceApi.submit, { work: { kind: 'resume', runFolder: '/r' } }],
  ] as const) {
    await assert.rejects(client.request(descriptor as never, params as never), (error) =>
      isEngineError(error, 'decode'),
    );
  }
  assert.deepEqual(await client.request(serviceApi.jobs, {}), []);
  const stranger = connect(readRecord(options.stateDir)!.socket);
  const closed = new Promise((resolve) => stranger.once('close', resolve));
  stranger.on('error', () => undefined);
  stranger.write('Content-Length: 1000000000\r\n\r\n');
  const timer = setInterval(() => stranger.write(Buffer.alloc(65_536, 32)), 5);
  await closed;
  clearInterval(timer);
  assert.deepEqual(await client.request(serviceApi.jobs, {}), []);
});

function folderOf(name: string): string {
  const folder = join(root, name);
  mkdirSync(folder, { recursive: true });
  return folder;
}

function config(name: string): string {
  return join(folderOf(name), name);
}
