import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { JobWork } from '../../../src/protocol/serviceApi.ts';
import { JobQueue } from '../../../src/service/jobQueue.ts';
import { savedQueue, saveQueue } from '../../../src/service/queueStore.ts';

const run = (name: string): JobWork => ({ kind: 'run', configPath: `/configs/${name}` });
const resume = (folder: string): JobWork => ({ kind: 'resume', runFolder: folder });

test('one job runs at a time, the others in the order they came', () => {
  const queue = newQueue();
  assert.equal(queue.startNext(), undefined);
  const [a, b] = [queue.submit(run('a'), 'A'), queue.submit(run('b'), 'B')];
  assert.equal(queue.startNext()?.id, a);
  assert.equal(queue.startNext(), undefined, 'A runs');
  queue.note({ pid: 7, fraction: 0.5, etaMs: 9 });
  assert.equal(queue.running?.fraction, 0.5);
  queue.end({ state: 'finished', result: 1 });
  assert.ok(queue.isBusy);
  assert.equal(queue.startNext()?.id, b);
  queue.end({ state: 'failed', error: { code: 'bug', message: 'x' } });
  assert.ok(!queue.isBusy);
  assert.deepEqual(
    queue
      .list()
      .map(({ title, state, pid, etaMs, endedMs }) => [title, state, pid, etaMs, endedMs]),
    [
      ['B', 'failed', null, null, 6],
      ['A', 'finished', null, null, 4],
    ],
  );
});

test('waiting jobs can be moved anywhere, the running one cannot', () => {
  const queue = newQueue();
  const ids = ['a', 'b', 'c', 'd'].map((name) => queue.submit(run(name), name));
  queue.startNext();
  const titles = (): string =>
    queue
      .list()
      .map(({ title }) => title)
      .join('');
  queue.move(ids[3]!, 0);
  assert.equal(titles(), 'adbc');
  queue.move(ids[3]!, 1);
  assert.equal(titles(), 'abdc');
  queue.move(ids[1]!, 99);
  assert.equal(titles(), 'adcb');
  queue.move(ids[1]!, -5);
  assert.equal(titles(), 'abdc');
  assert.throws(() => queue.move(ids[0]!, 1), /does not wait in the queue/);
});

test('the same work is refused while it waits or runs, and welcome afterwards', () => {
  const queue = newQueue();
  queue.submit(run('a'), 'A');
  assert.throws(() => queue.submit(run('a'), 'again'), /A: the same work is waiting/);
  queue.startNext();
  assert.throws(() => queue.submit(run('a'), 'again'), /the same work is running/);
  queue.submit({ ...run('a'), overrides: { seed: 1 } } as JobWork, 'other seed');
  queue.note({ runFolder: '/runs/a-1' });
  assert.throws(() => queue.submit(resume('/runs/a-1'), 'resume'), /the same work is running/);
  queue.submit(
    {
      kind: 'subnet',
      request: { runFolder: '/runs/a-1', key: 'k', reform: false, evaluate: true, forms: [] },
    },
    'its subnet waits for it',
  );
  queue.end({ state: 'stopped' });
  queue.submit(resume('/runs/a-1'), 'resume');
  queue.submit(run('a'), 'A');
});

test('a waiting job is withdrawn, a running one has to be stopped', () => {
  const queue = newQueue();
  const [a, b] = [queue.submit(run('a'), 'A'), queue.submit(run('b'), 'B')];
  queue.startNext();
  assert.equal(queue.withdraw(b), true);
  assert.equal(queue.withdraw(b), true, 'it has ended');
  assert.equal(queue.withdraw(a), false);
  assert.throws(() => queue.withdraw('x'), /has no job/);
  assert.equal(queue.list()[1]?.state, 'stopped');
});

test('the list of jobs that ended does not grow for ever', () => {
  const queue = newQueue();
  for (let i = 0; i < 120; i++) {
    queue.submit(run(String(i)), String(i));
    queue.startNext();
    queue.end({ state: 'stopped' });
  }
  assert.equal(queue.list().length, 50);
  assert.equal(queue.list()[0]?.title, '119');
});

test('what a service leaves when it crashes is taken over from its file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'subnet-queue-'));
  const queue = newQueue();
  const [a, b] = [queue.submit(run('a'), 'A'), queue.submit(run('b'), 'B')];
  queue.startNext();
  queue.note({ runFolder: '/runs/a-1', pid: 4 });
  assert.deepEqual(savedQueue(folder), { jobs: [], problems: [] });
  saveQueue(folder, queue.unfinished());
  assert.equal(savedQueue(folder).jobs.length, 2);
  const next = newQueue();
  next.restore(savedQueue(folder).jobs);
  assert.deepEqual(
    next.list().map(({ id, state, pid, runFolder }) => [id, state, pid, runFolder]),
    [
      [b, 'queued', null, null],
      [a, 'failed', null, '/runs/a-1'],
    ],
  );
  assert.match(next.list()[1]!.error!.message, /by a crash.*resume it/);
  rmSync(folder, { recursive: true });
});

/** One of every kind; a kind that is left out does not compile. */
const EVERY_KIND: { readonly [K in JobWork['kind']]: Extract<JobWork, { readonly kind: K }> } = {
  run: { kind: 'run', configPath: '/c.jsonc', overrides: { seed: 3, out: '/out' } },
  resume: { kind: 'resume', runFolder: '/r', device: 'cpu' },
  evaluate: { kind: 'evaluate', request: { path: '/m', text: '/t', context: 64 } },
  export: { kind: 'export', request: { path: '/r', forms: ['onnx'] } },
  subnet: {
    kind: 'subnet',
    request: {
      runFolder: '/r',
      key: '0123456789abcdef',
      reform: true,
      evaluate: true,
      forms: [],
    },
  },
  compare: { kind: 'compare', request: { configPath: '/c.jsonc', seed: 1 } },
};

test('every kind of work survives a crash of the service', () => {
  const folder = mkdtempSync(join(tmpdir(), 'subnet-queue-'));
  const queue = newQueue();
  const work = Object.values(EVERY_KIND);
  for (const one of work) queue.submit(one, one.kind);
  saveQueue(folder, queue.unfinished());
  const { jobs, problems } = savedQueue(folder);
  assert.deepEqual(problems, []);
  assert.deepEqual(
    jobs.map((job) => job.work),
    work,
  );
  assert.deepEqual(jobs, queue.unfinished());
  rmSync(folder, { recursive: true });
});

test('a damaged queue costs the jobs that are damaged, and no other', () => {
  const folder = mkdtempSync(join(tmpdir(), 'subnet-queue-'));
  const path = join(folder, 'queue.json');
  const queue = newQueue();
  for (const one of Object.values(EVERY_KIND)) queue.submit(one, one.kind);
  saveQueue(folder, queue.unfinished());
  const text = readFileSync(path, 'utf8');

  writeFileSync(path, text.replace('"kind":"evaluate"', '"kind":"dance"'));
  const { jobs, problems } = savedQueue(folder);
  assert.deepEqual(
    jobs.map(({ title }) => title),
    ['run', 'resume', 'export', 'subnet', 'compare'],
  );
  assert.equal(problems.length, 2);
  assert.match(problems[0]!, /is damaged: 5 jobs of it are taken over/);
  assert.match(problems[1]!, /Job 3 of the saved queue is of a kind that/);
  assert.match(readFileSync(join(folder, 'queue.damaged.json'), 'utf8'), /dance/);

  // As version 0.1 wrote it: a list without a checksum.
  writeFileSync(path, JSON.stringify(queue.unfinished()));
  assert.deepEqual(savedQueue(folder).problems, []);
  assert.equal(savedQueue(folder).jobs.length, 6);

  for (const rubbish of ['', '{', '[{"id":1}]', '{"jobs":[]}', '{"jobs":7}', 'null', '[[[[']) {
    writeFileSync(path, rubbish);
    assert.deepEqual(savedQueue(folder).jobs, []);
    assert.notDeepEqual(savedQueue(folder).problems, [], rubbish);
  }
  if (process.platform !== 'win32') {
    rmSync(path);
    symlinkSync('/dev/zero', path);
    assert.match(savedQueue(folder).problems[0]!, /cannot be read.*a link/);
  }
  rmSync(folder, { recursive: true });
});

function newQueue(): JobQueue {
  let [time, id] = [0, 0];
  return new JobQueue(
    () => ++time,
    () => `job-${++id}`,
  );
}
