import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { engineApi } from '../../src/protocol/engineApi.ts';
import { isEngineError } from '../../src/protocol/errors.ts';
import type { RunEvent } from '../../src/protocol/runEvent.ts';
import { EngineClient } from '../../src/server/client.ts';
import { bundleEngine } from './bundleEngine.ts';

const folder = mkdtempSync(join(tmpdir(), 'subnet-client-'));
const entry = bundleEngine(folder, 'standInEngine');
const clients: EngineClient[] = [];

after(async () => {
  await Promise.all(clients.map((client) => client.stop()));
});

test('runs, passes every event on in order, and answers', { timeout: 20_000 }, async () => {
  const client = await start();
  const events: RunEvent[] = [];
  client.on(engineApi.runEvent, (event) => events.push(event));
  const outcome = await run(client, 'good');
  assert.equal(outcome.figures.searched?.perplexity, 20);
  assert.deepEqual(
    events.filter(({ kind }) => kind === 'generationFinished').map(({ seq }) => seq),
    [2, 4, 6],
  );
  assert.equal(events[0]?.kind, 'runStarted');
});

test('cancels the work at the other end and can be used again', { timeout: 20_000 }, async () => {
  const client = await start();
  const controller = new AbortController();
  const slow = run(client, 'slow', controller.signal);
  await once(client, 'stageStarted');
  controller.abort();
  await assert.rejects(slow, (error) => isEngineError(error, 'cancelled'));
  const outcome = await run(client, 'good');
  assert.equal(outcome.exports.length, 2);
});

test(
  'cancels by the request "cancel" too, and says how much it stopped',
  { timeout: 20_000 },
  async () => {
    const client = await start();
    const slow = run(client, 'slow');
    slow.catch(() => undefined);
    await once(client, 'stageStarted');
    assert.deepEqual(await client.request(engineApi.cancel, {}), { stopped: 1 });
    await assert.rejects(slow, (error) => isEngineError(error, 'cancelled'));
    assert.deepEqual(await client.request(engineApi.cancel, {}), { stopped: 0 });
  },
);

test('a search can be finished early while there is one', { timeout: 20_000 }, async () => {
  const client = await start();
  assert.deepEqual(await client.request(engineApi.finishSearch, {}), { told: false });
  const slow = run(client, 'slow');
  await once(client, 'stageStarted');
  assert.deepEqual(await client.request(engineApi.finishSearch, {}), { told: true });
  assert.equal((await slow).exports.length, 2);
  assert.deepEqual(await client.request(engineApi.finishSearch, {}), { told: false });
});

test('refuses a second piece of work while one is going on', { timeout: 20_000 }, async () => {
  const client = await start();
  const controller = new AbortController();
  const slow = run(client, 'slow', controller.signal);
  slow.catch(() => undefined);
  await once(client, 'stageStarted');
  await assert.rejects(run(client, 'good'), /The engine is busy with other work/);
  controller.abort();
  await assert.rejects(slow);
});

test(
  'tells a native crash by its signal, its last words and what to do',
  { timeout: 20_000 },
  async () => {
    const client = await start();
    await assert.rejects(run(client, 'crash'), (error) => {
      assert.ok(isEngineError(error, 'run'));
      assert.match(error.problem.found, /SIGABRT, a crash of a native library/);
      assert.match(error.problem.found, /terminate called after throwing/);
      assert.match(error.problem.action, /subnet resume/);
      return true;
    });
    await assert.rejects(client.request(engineApi.ping, {}), /SIGABRT/);
  },
);

test('tells an unexpected exit by its code', { timeout: 20_000 }, async () => {
  const client = await start();
  await assert.rejects(run(client, 'exit'), /exit code 7/);
});

test('ends an engine that gives no sign of life', { timeout: 20_000 }, async () => {
  const client = await start({ silenceMs: 400 });
  await assert.rejects(run(client, 'hang'), /no sign of life/);
});

test('stops an engine that hangs in native code', { timeout: 20_000 }, async () => {
  const client = await start();
  const hanging = run(client, 'hang');
  hanging.catch(() => undefined);
  await once(client, 'stageStarted');
  const { pid } = client;
  assert.ok(pid !== undefined);
  await client.stop();
  assert.throws(() => process.kill(pid, 0), /ESRCH/);
  await assert.rejects(hanging, (error) => isEngineError(error, 'run'));
});

test('gives up on a program that never answers', { timeout: 20_000 }, async () => {
  const silent = bundleEngine(folder, 'silentEngine');
  await assert.rejects(start({ entry: silent, handshakeMs: 3000 }), (error) => {
    assert.ok(isEngineError(error, 'run'));
    assert.match(error.message, /^The engine did not answer within 3 s of its start, after/);
    assert.match(error.message, /:\n {2}waiting for Godot\n Try again/);
    return true;
  });
});

test('tells a program that cannot be found', { timeout: 20_000 }, async () => {
  await assert.rejects(start({ entry: join(folder, 'nowhere.cjs') }), /Cannot find module/);
});

test('writes what the child prints to the log of the run', { timeout: 20_000 }, async () => {
  const client = await start();
  const { runFolder } = await run(client, 'noisy');
  await client.stop();
  assert.match(readFileSync(join(runFolder, 'log.txt'), 'utf8'), /a native library speaks/);
});

async function start(options: Partial<Parameters<typeof EngineClient.start>[0]> = {}) {
  const client = await EngineClient.start({ entry, execArgv: [], ...options });
  clients.push(client);
  return client;
}

function run(client: EngineClient, behaviour: string, signal?: AbortSignal) {
  return client.request(engineApi.run, { configPath: join(folder, behaviour) }, signal);
}

function once(client: EngineClient, kind: RunEvent['kind']): Promise<void> {
  return new Promise((resolve) => {
    client.on(engineApi.runEvent, (event) => {
      if (event.kind === kind) resolve();
    });
  });
}
