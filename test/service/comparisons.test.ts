import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { comparisonsIn } from '../../src/dashboard/reader/comparisons.ts';
import type { ComparisonTable } from '../../src/protocol/comparisonTable.ts';
import { serviceApi, type Job } from '../../src/protocol/serviceApi.ts';
import type { ServiceClient } from '../../src/service/serviceClient.ts';
import { writeTinyRun, type TinyRun } from '../pipeline/tinyRun.ts';
import { newService, open, root, submit, waitFor } from './serviceUnderTest.ts';

// The real service and the real engine on the tiny model.
const limits = { timeout: 60_000 };
let files: TinyRun;
let client: ServiceClient;

before(async () => {
  const compare = { patterns: ['2:4', '50%'], ratios: [0.6], structured: ['random' as const] };
  files = await writeTinyRun(join(root, 'compare'), { compare });
  client = await open(newService({ standIn: false }));
});

test('a comparison shows how far it is, can be stopped, and goes on', limits, async () => {
  const work = { kind: 'compare', request: { configPath: files.config } } as const;
  const first = await submit(client, work);
  const job = await waitFor(client, first, isUnderWay);
  assert.equal(job.stage, null);
  assert.ok(job.fraction! < 1 && job.etaMs! > 0, JSON.stringify(job));
  await client.request(serviceApi.cancel, { id: first });
  await waitFor(client, first, ({ state }) => state === 'stopped');
  const half = tableOf(files.folder);
  assert.equal(half.state, 'stopped');
  assert.ok(half.rows.length >= 2 && half.rows.length < half.total);

  const again = await submit(client, work);
  const done = await waitFor(client, again, ({ state }) => state === 'finished');
  const table = done.result as ComparisonTable;
  assert.deepEqual(table, tableOf(files.folder));
  assert.equal(table.rows.length, 1 + 5 * 2 * 2 + 1);
  assert.deepEqual(table.rows.slice(0, half.rows.length), half.rows);
  assert.deepEqual([done.stage, done.fraction], [null, 1]);
});

test('a stand-in tells the time that is left, and what does not apply counts', limits, async () => {
  const window = await open(newService());
  const request = { configPath: join(root, 'slow.subnet.jsonc') };
  const id = await submit(window, { kind: 'compare', request });
  const job = await waitFor(window, id, ({ fraction }) => fraction === 0.25);
  assert.deepEqual([job.stage, job.etaMs, job.runFolder], [null, 3000, null]);
  await window.request(serviceApi.cancel, { id });
  await waitFor(window, id, ({ state }) => state === 'stopped');
  const other = { configPath: join(root, 'quick.subnet.jsonc') };
  const next = await submit(window, { kind: 'compare', request: other });
  const done = await waitFor(window, next, ({ state }) => state === 'finished');
  assert.equal(done.fraction, 1);
});

function isUnderWay({ state, fraction }: Job): boolean {
  return state === 'running' && fraction !== null && fraction > 0.08;
}

function tableOf(folder: string): ComparisonTable {
  const [only] = comparisonsIn(folder);
  assert.ok(only !== undefined && 'table' in only);
  return only.table;
}
