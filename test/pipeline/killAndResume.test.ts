import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { rngFor } from '../../src/engine/numeric/rng.ts';
import { readRunEvents, summariseRun } from '../../src/engine/runs/listRuns.ts';
import { methodNames } from '../../src/protocol/methods.ts';
import { type Artefacts, artefactsOf } from './artefacts.ts';
import { bundlePipeline } from './bundlePipeline.ts';
import type { ChildEnd, KillAt } from './pipelineChild.ts';
import { type TinyRun, writeTinyRun } from './tinyRun.ts';

const folder = mkdtempSync(join(tmpdir(), 'subnet-kill-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

let program: string | undefined;
// Of the method whose tests run.
let files: TinyRun;
let expected: Artefacts;
/** Calls that change the disk in an uninterrupted run. */
let writes: number;

const events: Record<string, KillAt[]> = {
  'at the ends of stages': [
    { event: 'stageFinished', stage: 'import', count: 1 },
    { event: 'stageFinished', stage: 'calibrate', count: 1 },
    { event: 'stageFinished', stage: 'search', count: 1 },
    { event: 'stageFinished', stage: 'evaluate', count: 1 },
  ],
  'within stages': [
    { event: 'evaluated', count: 3 },
    { event: 'generationFinished', count: 2 },
    { event: 'stageProgress', stage: 'reform', count: 2 },
    { event: 'figure', count: 2 },
    { event: 'exported', count: 2 },
  ],
};

for (const method of methodNames) {
  describe(`method ${method}`, () => {
    before(async () => {
      program ??= bundlePipeline(folder);
      files = await writeTinyRun(join(folder, method), { method });
      const end = await child('start', files.config, {});
      assert.ok(end?.ok, JSON.stringify(end));
      writes = end.writes;
      expected = artefactsOf(end.runFolder);
      rmSync(files.runs, { recursive: true });
    });

    for (const [where, kills] of Object.entries(events)) {
      test(`a run killed ${where} ends as if it had not been`, async () => {
        await checkRun(kills.map((kill) => ({ kill })));
      });
    }

    for (const seed of [1, 2]) {
      test(`a run killed in the middle of writing ends as if it had not been (seed ${seed})`, async (t) => {
        const rng = rngFor(seed, 'kills');
        const counts = [1, 0.5, 0.4].map((share) => 1 + Math.floor(rng.uniform() * share * writes));
        t.diagnostic(`killed at writes ${counts.join(', ')} of ${writes}`);
        await checkRun(counts.map((count) => ({ kill: { count } })));
      });
    }

    test('a run killed at random moments from outside ends as if it had not been', async (t) => {
      const rng = rngFor(3, 'kills');
      const delays = Array.from({ length: 3 }, () => 400 + Math.floor(rng.uniform() * 2500));
      t.diagnostic(`killed after ${delays.join(', ')} ms`);
      await checkRun(delays.map((delay) => ({ delay })));
    });

    test(
      'a file that may not grow further is one error, and the run goes on when it may',
      { skip: process.platform === 'win32' ? 'Windows has no file size limit' : false },
      async () => {
        rmSync(files.runs, { recursive: true, force: true });
        // Blocks of 512 bytes; the signal is ignored, so that the write fails instead of the process.
        const limited = `trap '' XFSZ; ulimit -f 48; exec "$0" "$@"`;
        const command = ['-c', limited, process.execPath, program!, 'start', files.config];
        const { stdout } = spawnSync('sh', command, { encoding: 'utf8' });
        const failed = JSON.parse(stdout) as ChildEnd;
        assert.ok(!failed.ok && failed.code === 'disk', stdout);
        assert.match(failed.message, /larger than this system allows/);
        assert.deepEqual(readdirSync(runsIn(files.runs)[0]!).includes('lock.json'), false);
        const end = await next({});
        assert.ok(end?.ok, JSON.stringify(end));
        assert.deepEqual(artefactsOf(end.runFolder), expected);
      },
    );
  });
}

/** How a process is stopped; a run may also end before it is. */
interface Stop {
  readonly kill?: KillAt;
  /** Milliseconds after its start. */
  readonly delay?: number;
}

/** Starts a run, kills and resumes it as told, lets it end, and compares what it left. */
async function checkRun(stops: readonly Stop[]): Promise<void> {
  rmSync(files.runs, { recursive: true, force: true });
  for (const stop of stops) {
    const end = await next(stop);
    if (end === null) continue;
    // A chosen event always comes; a number of writes or a delay may lie behind the end of a run.
    assert.ok(end.ok && stop.kill?.event === undefined, JSON.stringify(end));
  }
  const end = await next({});
  assert.ok(end?.ok, JSON.stringify(end));
  const [run, ...others] = runsIn(files.runs);
  assert.deepEqual(others, [], 'resuming makes no other run');
  assert.deepEqual(artefactsOf(end.runFolder), expected);
  const { events: log, damaged } = readRunEvents(run!);
  assert.equal(damaged, 0);
  assert.deepEqual(
    log.map(({ seq }) => seq),
    [...log.keys()],
  );
  const summary = summariseRun(run!, 'run');
  assert.ok(summary.kind === 'run' && summary.state === 'finished');
  assert.deepEqual(
    readdirSync(run!).filter((name) => /tmp|lock|stale/.test(name)),
    [],
    'no litter is left',
  );
  assert.ok(!existsSync(join(run!, 'stages/measure')));
}

/** A new process: resumes the run, or starts it when there is none yet. */
function next(stop: Stop): Promise<ChildEnd | null> {
  const [run] = runsIn(files.runs);
  return run === undefined ? child('start', files.config, stop) : child('resume', run, stop);
}

/** Whole run folders; what a start left behind before its folder was made has a dot. */
function runsIn(path: string): string[] {
  if (!existsSync(path)) return [];
  return readdirSync(path)
    .filter((name) => !name.startsWith('.'))
    .map((name) => join(path, name));
}

/** @returns what the process said at its end; null when it was killed */
function child(what: 'start' | 'resume', path: string, stop: Stop): Promise<ChildEnd | null> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, KILL_AT: JSON.stringify(stop.kill ?? null) };
    const running = spawn(process.execPath, [program!, what, path], { env });
    let [out, errors] = ['', ''];
    running.stdout.on('data', (data) => (out += String(data)));
    running.stderr.on('data', (data) => (errors += String(data)));
    const timer =
      stop.delay === undefined ? null : setTimeout(() => running.kill('SIGKILL'), stop.delay);
    running.on('error', reject);
    running.on('close', (code, signal) => {
      if (timer !== null) clearTimeout(timer);
      if (signal === 'SIGKILL') resolve(null);
      else if (code === 0) resolve(JSON.parse(out) as ChildEnd);
      else reject(new Error(`the process ended with ${signal ?? code}: ${errors}`));
    });
  });
}
