import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import {
  StreamMessageReader,
  StreamMessageWriter,
  createMessageConnection,
  type MessageConnection,
} from 'vscode-jsonrpc/node';
import { EngineError, cancelled, isEngineError } from '../../../src/protocol/errors.ts';
import { Remote, event, notify, request, serve } from '../../../src/protocol/rpc.ts';
import type { CallContext } from '../../../src/protocol/rpc.ts';
import { RemoteBug } from '../../../src/protocol/wireError.ts';

const api = {
  double: request<{ readonly n: number }, number>('double'),
  fail: request<{ readonly how: 'expected' | 'bug' | 'text' }, never>('fail'),
  wait: request<Record<string, never>, string>('wait'),
  nothing: request<Record<string, never>, null>('nothing'),
  tick: event<{ readonly n: number }>('tick'),
} as const;

test('answers with the value of the handler', async () => {
  const { remote } = pair();
  assert.equal(await remote.request(api.double, { n: 21 }), 42);
  assert.equal(await remote.request(api.nothing, {}), null);
});

test('brings an expected error over whole', async () => {
  const { remote } = pair();
  await assert.rejects(remote.request(api.fail, { how: 'expected' }), (error) => {
    assert.ok(isEngineError(error, 'disk'));
    assert.deepEqual(error.problem, problem);
    return true;
  });
});

test('brings a bug over with the stack it had there', async () => {
  const { remote } = pair();
  await assert.rejects(remote.request(api.fail, { how: 'bug' }), (error) => {
    assert.ok(error instanceof RemoteBug);
    assert.equal(error.message, 'no such subnet');
    assert.match(error.remoteStack, /TypeError: no such subnet[^]*rpc\.test/);
    return true;
  });
});

test('answers even when a handler throws something that is no error', async () => {
  const { remote } = pair();
  await assert.rejects(remote.request(api.fail, { how: 'text' }), /just a text/);
});

test('raises the signal of the handler when the caller cancels', async () => {
  const { remote, seen } = pair();
  const controller = new AbortController();
  const waiting = remote.request(api.wait, {}, controller.signal);
  waiting.catch(() => undefined);
  await seen.started;
  controller.abort();
  await assert.rejects(waiting, (error) => isEngineError(error, 'cancelled'));
});

test('cancels a request whose signal was raised before it was asked', async () => {
  const { remote } = pair();
  const waiting = remote.request(api.wait, {}, AbortSignal.abort());
  await assert.rejects(waiting, (error) => isEngineError(error, 'cancelled'));
});

test('rejects everything pending when the connection closes, and everything after', async () => {
  const { remote, streams, seen } = pair();
  const waiting = remote.request(api.wait, {});
  waiting.catch(() => undefined);
  await seen.started;
  streams[0].destroy();
  streams[1].destroy();
  await assert.rejects(waiting, (error) => isEngineError(error, 'run'));
  await assert.rejects(remote.request(api.double, { n: 1 }), /closed the connection/);
});

const patient = { timeout: 20_000 };

test('raises the signals of running handlers when the caller goes away', patient, async () => {
  const { remote, streams, seen } = pair();
  const waiting = remote.request(api.wait, {});
  waiting.catch(() => undefined);
  await seen.started;
  streams[0].destroy();
  await seen.stopped;
  remote.close(new Error('over'));
});

test('tells events in order until the listener is taken away', async () => {
  const { remote, server } = pair();
  const ticks: number[] = [];
  const off = remote.on(api.tick, ({ n }) => ticks.push(n));
  for (let n = 0; n < 5; n++) notify(server, api.tick, { n });
  await remote.request(api.nothing, {});
  off();
  notify(server, api.tick, { n: 99 });
  await remote.request(api.nothing, {});
  assert.deepEqual(ticks, [0, 1, 2, 3, 4]);
});

test('tells every listener of an event, until it stops', async () => {
  const { remote, server } = pair();
  const [first, second]: [number[], number[]] = [[], []];
  const off = remote.on(api.tick, ({ n }) => first.push(n));
  remote.on(api.tick, ({ n }) => second.push(n));
  notify(server, api.tick, { n: 1 });
  await remote.request(api.nothing, {});
  off();
  notify(server, api.tick, { n: 2 });
  await remote.request(api.nothing, {});
  assert.deepEqual([first, second], [[1], [1, 2]]);
});

test('rejects a request that nobody serves', async () => {
  const { remote } = pair();
  await assert.rejects(remote.request(request<object, number>('unheard'), {}), /unheard/);
});

const problem = {
  ...{ what: 'a disk', expected: 'room', found: 'none', action: 'Free some.' },
  sentence: 'The disk is full.',
};

function pair() {
  const streams = [new PassThrough(), new PassThrough()] as const;
  const client = connect(streams[1], streams[0]);
  const server = connect(streams[0], streams[1]);
  const started = deferred();
  const stopped = deferred();
  serve(api, server, {
    double: ({ n }) => 2 * n,
    fail: ({ how }) => {
      if (how === 'expected') throw new EngineError('disk', problem);
      if (how === 'bug') throw new TypeError('no such subnet');
      // eslint-disable-next-line @typescript-eslint/only-throw-error -- what a library might do
      throw 'just a text';
    },
    wait: (_, { signal }: CallContext) =>
      new Promise((_resolve, reject) => {
        started.resolve();
        const stop = () => {
          stopped.resolve();
          reject(cancelled());
        };
        if (signal.aborted) stop();
        signal.addEventListener('abort', stop);
      }),
    nothing: () => null,
  });
  const remote = new Remote(client);
  client.listen();
  server.listen();
  return { remote, server, streams, seen: { started: started.promise, stopped: stopped.promise } };
}

function connect(input: PassThrough, output: PassThrough): MessageConnection {
  const connection = createMessageConnection(
    new StreamMessageReader(input),
    new StreamMessageWriter(output),
  );
  connection.onError(() => undefined);
  return connection;
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
