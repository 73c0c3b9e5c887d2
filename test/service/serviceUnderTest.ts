import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { after } from 'node:test';
import { serviceApi, type Job, type JobWork } from '../../src/protocol/serviceApi.ts';
import { ServiceClient } from '../../src/service/serviceClient.ts';
import { readRecord } from '../../src/service/serviceRecord.ts';
import type { ServiceOptions } from '../../src/service/startService.ts';
import { bundleService } from './bundleService.ts';

/** Folder of a test file; services of it are ended and it is removed after the tests. */
export const root = realpathSync(mkdtempSync(join(tmpdir(), 'subnet-service-')));
const programs = bundleService(root);
const stateDirs: string[] = [];
const clients: ServiceClient[] = [];

after(async () => {
  for (const client of clients) client.close();
  for (const stateDir of stateDirs) await endService(stateDir);
  rmSync(root, { recursive: true, force: true });
});

/** Options of a service with a state folder of its own. */
export function newService(
  options: Partial<ServiceOptions> & { readonly standIn?: boolean } = {},
): ServiceOptions {
  const { standIn = true, ...rest } = options;
  const stateDir = mkdtempSync(join(root, 'state-'));
  stateDirs.push(stateDir);
  return {
    ...{ stateDir, serviceEntry: programs.service },
    ...(standIn ? { engineEntry: programs.standIn } : {}),
    ...rest,
  };
}

/** Starts or finds a service; the connection is closed after the tests. */
export async function open(options: ServiceOptions): Promise<ServiceClient> {
  const client = await ServiceClient.start(options);
  clients.push(client);
  return client;
}

/** Puts work into the queue. @returns the job's id */
export async function submit(
  client: ServiceClient,
  work: JobWork,
  title = 'work',
): Promise<string> {
  return (await client.request(serviceApi.submit, { work, title })).id;
}

/** Waits until a job is as wanted; a job that ends otherwise fails the test. */
export async function waitFor(
  client: ServiceClient,
  id: string,
  isWanted: (job: Job) => boolean,
  limitMs = 25_000,
): Promise<Job> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const jobs = await client.request(serviceApi.jobs, {});
    const job = jobs.find((one) => one.id === id);
    if (job !== undefined && isWanted(job)) return job;
    if (job === undefined || job.endedMs !== null || performance.now() > deadline) {
      throw new Error(`job ${id} is ${JSON.stringify(job)}`);
    }
    await sleep(15);
  }
}

/** Waits until something holds. */
export async function until(holds: () => boolean, limitMs = 15_000): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error('it did not come to hold in time');
    await sleep(15);
  }
}

/** True while a process of that number can be signalled. */
export function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function endService(stateDir: string): Promise<void> {
  const record = readRecord(stateDir);
  if (record === undefined || !isThere(record.pid)) return;
  process.kill(record.pid, 'SIGTERM');
  await until(() => readRecord(stateDir) === undefined).catch(() => undefined);
}
