import assert from 'node:assert/strict';
import { it } from 'node:test';
// The RPC library of the host's end needs to be told where it runs.
import 'vscode-jsonrpc/node';
import { EngineError } from '../../../src/protocol/errors.ts';
import { panelApi } from '../../../src/protocol/panelApi.ts';
import {
  postMessageConnection,
  type Endpoint,
} from '../../../src/protocol/postMessageConnection.ts';
import { notify, serve, type Handlers } from '../../../src/protocol/rpc.ts';
import { createHostClient, type HostClient } from '../../../webview/hostClient.ts';

const key = '0123456789abcdef';
const handlers: Handlers<typeof panelApi> = {
  open: () => {
    throw new Error('a bug');
  },
  mask: ({ run, mask }) => {
    assert.equal(run, 'r1');
    assert.deepEqual(mask, { kind: 'candidate', key });
    return { key, bits: Uint8Array.of(1, 2, 3) };
  },
  frequency: () => {
    const sentence = 'The run is b.';
    const problem = { what: 'The run', expected: 'a', found: 'b', action: 'Try again.', sentence };
    throw new EngineError('run', problem);
  },
  importance: () => ({ ranks: new Uint8Array(2) }),
  layerScores: () => ({ scores: Float32Array.of(0.5) }),
  sparsity: () => new Promise(() => undefined),
  weightPattern: () => new Promise(() => undefined),
  config: () => new Promise(() => undefined),
  editConfig: () => new Promise(() => undefined),
  act: () => ({ said: 'Begun.' }),
};

it('asks what the library of the other ends answers, bytes included', async () => {
  const { client, end } = connected();
  const [{ bits }, { scores }] = await Promise.all([
    client.request(panelApi.mask, { run: 'r1', mask: { kind: 'candidate', key } }),
    client.request(panelApi.layerScores, { run: 'r1', layer: 0 }),
  ]);
  assert.deepEqual(bits, Uint8Array.of(1, 2, 3));
  assert.deepEqual(scores, Float32Array.of(0.5));
  end();
});

it('rejects with the expected error as it was thrown, and with a bug as an error', async () => {
  const { client, end } = connected();
  await assert.rejects(client.request(panelApi.frequency, { run: 'r1' }), (error) => {
    assert.ok(error instanceof EngineError);
    assert.equal(error.problem.action, 'Try again.');
    return true;
  });
  await assert.rejects(client.request(panelApi.open, { protocol: 1 }), /a bug/);
  end();
});

it('hears events, and nothing that is none', async () => {
  const { client, host, page, end } = connected();
  const heard = new Promise((resolve) => {
    client.on(panelApi.select, resolve);
  });
  for (const stray of [
    null,
    7,
    'x',
    {},
    { jsonrpc: '2.0' },
    { jsonrpc: '2.0', id: 99, result: 1 },
  ]) {
    page.forEach((listener) => {
      listener(stray);
    });
  }
  notify(host, panelApi.select, { run: 'r1', subnet: key });
  assert.deepEqual(await heard, { run: 'r1', subnet: key });
  end();
});

type Listener = (message: unknown) => void;

/** A page and a host joined as VS Code joins them: messages are cloned, and arrive later. */
function connected(): {
  readonly client: HostClient;
  readonly host: ReturnType<typeof postMessageConnection>;
  readonly page: Set<Listener>;
  readonly end: () => void;
} {
  const [page, extension] = [new Set<Listener>(), new Set<Listener>()];
  const endpoint = (mine: Set<Listener>, other: Set<Listener>): Endpoint => ({
    post: (message) => {
      const copy: unknown = structuredClone(message);
      setImmediate(() => {
        for (const listener of other) listener(copy);
      });
    },
    onMessage: (listener) => {
      mine.add(listener);
      return () => mine.delete(listener);
    },
  });
  const host = postMessageConnection(endpoint(extension, page));
  serve(panelApi, host, handlers);
  host.listen();
  const client = createHostClient(endpoint(page, extension));
  const end = (): void => {
    host.dispose();
  };
  return { client, host, page, end };
}
