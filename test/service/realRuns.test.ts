import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { candidateKeys } from '../../src/engine/runs/candidateStore.ts';
import { readRunEvents, summariseRun } from '../../src/engine/runs/listRuns.ts';
import { readManifest } from '../../src/engine/runs/runLayout.ts';
import { serviceApi, type Job } from '../../src/protocol/serviceApi.ts';
import { unitLayout } from '../../src/protocol/unitLayout.ts';
import { ServiceClient } from '../../src/service/serviceClient.ts';
import type { ServiceOptions } from '../../src/service/startService.ts';
import { artefactsOf, type Artefacts } from '../pipeline/artefacts.ts';
import { writeConfig, writeTinyRun, type TinyRun } from '../pipeline/tinyRun.ts';
import { isThere, newService, open, root, submit, waitFor } from './serviceUnderTest.ts';

// The real service and the real engine on the tiny model.
const limits = { timeout: 60_000 };
let files: TinyRun;
let options: ServiceOptions;
let client: ServiceClient;
/** What a run of the short config leaves. */
let expected: Artefacts;
/** A finished run of the short config. */
let finished: string;

before(async () => {
  files = await writeTinyRun(join(root, 'run'), { search: { generations: 25 } });
  options = newService({ standIn: false });
  client = await open(options);
});

test('two runs are done one after the other', limits, async () => {
  const other = join(files.folder, 'other.subnet.jsonc');
  writeConfig(other, { search: { enabled: false } });
  const first = await submit(client, { kind: 'run', configPath: files.config }, 'first');
  const second = await submit(client, { kind: 'run', configPath: other }, 'second');
  const one = await waitFor(client, first, ({ state }) => state === 'finished');
  const two = await waitFor(client, second, ({ state }) => state === 'finished');
  assert.ok(two.startedMs! >= one.endedMs!);
  assert.deepEqual([one.stage, one.fraction], ['export', 1]);
  finished = one.runFolder!;
  expected = artefactsOf(finished);
  for (const job of [one, two]) assert.equal(stateOf(job), 'finished');
});

test('a run goes on when its window has gone, and the next one sees it', limits, async () => {
  const window = await open(options);
  const id = await submit(window, { kind: 'run', configPath: files.config });
  const { pid } = await waitFor(window, id, searching);
  window.close();
  const next = await ServiceClient.attach(options);
  assert.ok(next !== undefined);
  const seen = (await next.request(serviceApi.jobs, {}))[0]!;
  assert.deepEqual([seen.id, seen.state, seen.pid], [id, 'running', pid]);
  assert.ok(isThere(pid!));
  const { runFolder } = await waitFor(next, id, ({ state }) => state === 'finished');
  next.close();
  assert.deepEqual(artefactsOf(runFolder!), expected);
});

test(
  'an engine killed in the middle of a run fails it, and resuming ends the same',
  limits,
  async () => {
    const id = await submit(client, { kind: 'run', configPath: files.config });
    const { pid } = await waitFor(client, id, searching);
    process.kill(pid!, 'SIGKILL');
    const failed = await waitFor(client, id, ({ state }) => state === 'failed');
    assert.match(failed.error!.message, /SIGKILL/);
    assert.equal(stateOf(failed), 'stopped');
    const resumed = await submit(client, { kind: 'resume', runFolder: failed.runFolder! });
    await waitFor(client, resumed, ({ state }) => state === 'finished');
    assert.deepEqual(artefactsOf(failed.runFolder!), expected);
  },
);

test('a cancelled run is stopped; resumed, its search can be finished early', limits, async () => {
  const id = await submit(client, { kind: 'run', configPath: files.config });
  await waitFor(client, id, searching);
  await client.request(serviceApi.cancel, { id });
  const stopped = await waitFor(client, id, ({ state }) => state === 'stopped');
  assert.equal(stateOf(stopped), 'stopped');
  const runFolder = stopped.runFolder!;
  const resumed = await submit(client, { kind: 'resume', runFolder });
  await waitFor(client, resumed, searching);
  await client.request(serviceApi.finishSearch, { id: resumed });
  await waitFor(client, resumed, ({ state }) => state === 'finished');
  const judged = (run: string): number =>
    readRunEvents(run).events.filter(({ kind }) => kind === 'evaluated').length;
  assert.ok(judged(runFolder) < judged(finished));
});

test('a subnet of a run is worked on, and the run stands where it stood', limits, async () => {
  const key = candidateKeys(finished, unitLayout(readManifest(finished).model!))[3]!;
  const id = await submit(client, {
    kind: 'subnet',
    request: { runFolder: finished, key, reform: true, evaluate: true, forms: ['onnx'] },
  });
  const job = await waitFor(client, id, ({ state }) => state === 'finished');
  assert.equal((job.result as { key: string }).key, key);
  assert.equal(job.runFolder, finished);
  assert.equal(stateOf(job), 'finished');
});

test('devices, model and estimate are told by the real engine', limits, async () => {
  const devices = await client.request(serviceApi.devices, {});
  assert.ok(devices.some(({ device, ok }) => device === 'cpu' && ok));
  assert.equal((await client.request(serviceApi.inspect, { path: files.model })).layers, 3);
  const estimate = await client.request(serviceApi.estimate, { configPath: files.config });
  assert.equal(estimate.candidates, 1 + 6 + 25 * 6);
});

function searching({ stage, fraction }: Job): boolean {
  return stage === 'search' && fraction !== null && fraction > 0.05;
}

function stateOf(job: Job): string {
  const summary = summariseRun(job.runFolder!, 'run');
  return summary.kind === 'run' ? summary.state : summary.message;
}
