import assert from 'node:assert/strict';
import { fork, type ChildProcess } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import { listRuns, readRunEvents } from '../../../src/engine/runs/listRuns.ts';
import { RunFolder, createRunFolder } from '../../../src/engine/runs/runFolder.ts';
import { isRunLocked } from '../../../src/engine/runs/runLock.ts';
import { someManifest } from '../../fakes/runManifest.ts';

const KILLS = 8;

test('a writer killed at random moments always leaves a folder that goes on', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'subnet-kill-'));
  const writer = join(folder, 'writer.cjs');
  buildSync({
    entryPoints: [fileURLToPath(new URL('../../fakes/runWriter.ts', import.meta.url))],
    outfile: writer,
    bundle: true,
    platform: 'node',
    logLevel: 'error',
  });
  const runs = join(folder, 'runs');
  const run = createRunFolder(runs, someManifest());
  run.close();
  let seq = 0;
  let known = 0;
  for (let i = 0; i < KILLS; i++) {
    const child = fork(writer, [run.path], { execArgv: [], stdio: 'inherit' });
    const [ready, wrote] = [said(child, 'ready'), said(child, 'wrote')];
    await ready;
    assert.throws(() => new RunFolder(run.path), new RegExp(`in use by process ${child.pid}`));
    // Every second one may be killed before it has written anything, however slow it is.
    if (i % 2 === 1) await wrote;
    await sleep(20 * ((i * 7) % 5) + i);
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
    const again = new RunFolder(run.path);
    const generation = again.latestGeneration();
    if (generation !== undefined) {
      // The writer stores under generation g a text of 10,000 times that number.
      assert.equal(generation.state, `${generation.generation},`.repeat(10_000));
      assert.ok(again.evaluations.size >= generation.generation, 'fitness is on disk before');
    }
    assert.ok(again.evaluations.size >= known, 'nothing known is lost');
    known = again.evaluations.size;
    const { events, damaged } = readRunEvents(run.path);
    assert.equal(damaged, 0);
    events.forEach((event, at) => {
      assert.equal(event.seq, at, 'no event is lost or doubled');
    });
    assert.ok(events.length >= seq);
    seq = events.length;
    again.close();
  }
  assert.ok(known >= KILLS / 2, `the writer must have come to write, ${known}`);
  assert.equal(listRuns(runs)[0]?.kind, 'run');
});

function said(child: ChildProcess, word: string): Promise<void> {
  return new Promise((resolve) => {
    child.on('message', (message) => {
      if (message === word) resolve();
    });
  });
}

test('takes over the lock of a dead process and of a reused number, not of another machine', () => {
  const run = createRunFolder(mkdtempSync(join(tmpdir(), 'subnet-lock-')), someManifest());
  const path = join(run.path, 'lock.json');
  const mine = JSON.parse(readFileSync(path, 'utf8')) as { pid: number; started: string };
  run.close();
  assert.ok(!existsSync(path));
  const lock = (owner: object, beatMs = Date.now()) => {
    writeFileSync(path, JSON.stringify({ ...mine, host: hostname(), ...owner }));
    utimesSync(path, new Date(beatMs), new Date(beatMs));
  };
  lock({ pid: 2 ** 22 + 1, started: null });
  new RunFolder(run.path).close();
  if (process.platform === 'linux') {
    lock({ started: 'another boot:1' });
    new RunFolder(run.path).close();
  }
  writeFileSync(path, 'rubbish');
  new RunFolder(run.path).close();
  lock({});
  assert.throws(() => new RunFolder(run.path), /stop that process first/);

  // Another container has its own process numbers, and often the same name: only signs of life tell.
  lock({ pid: 2 ** 22 + 1, space: 'another namespace' });
  assert.ok(isRunLocked(run.path));
  assert.throws(
    () => new RunFolder(run.path),
    /in use by process \d+ on \S+\. .*the folder is free at \d\d:/,
  );
  lock({ pid: process.pid, space: 'another namespace', host: 'elsewhere' }, Date.now() - 200_000);
  assert.ok(!isRunLocked(run.path));
  new RunFolder(run.path).close();

  // Locks of older versions name no space, and those of other machines gave no signs of life.
  lock({ pid: 2 ** 22 + 1, space: undefined, host: 'elsewhere' }, 0);
  assert.throws(
    () => new RunFolder(run.path),
    /in use by process \d+ on elsewhere\. .*delete lock.json/,
  );
  lock({ pid: 2 ** 22 + 1, space: undefined }, 0);
  new RunFolder(run.path).close();
});

test('is no file of somebody else: not read when it is a link, never written through', () => {
  const run = createRunFolder(mkdtempSync(join(tmpdir(), 'subnet-lock-')), someManifest());
  run.append({ kind: 'runStarted', id: 'demo-1', folder: run.path, resumed: false });
  run.close();
  const path = join(run.path, 'lock.json');
  const victim = join(run.path, '..', 'victim');
  writeFileSync(victim, 'precious');
  for (const target of [victim, '/dev/zero', join(run.path, '..', 'nothing')]) {
    symlinkSync(target, path);
    const started = performance.now();
    assert.equal(listRuns(join(run.path, '..'))[0]?.kind, 'run');
    assert.ok(!isRunLocked(run.path));
    assert.ok(performance.now() - started < 2000, 'an endless file is not read');
    new RunFolder(run.path).close();
    assert.ok(!existsSync(path));
  }
  assert.equal(readFileSync(victim, 'utf8'), 'precious');
});

test('is lost gracefully: who no longer holds the folder writes nothing more', () => {
  const run = createRunFolder(mkdtempSync(join(tmpdir(), 'subnet-lock-')), someManifest());
  const path = join(run.path, 'lock.json');
  const other = readFileSync(path, 'utf8').replace(/"hold":"[^"]*"/, '"hold":"another"');
  writeFileSync(path, other);
  for (const write of [
    () => run.append({ kind: 'runStopped' }),
    () => run.finishStage('search', {}),
    () => run.saveGeneration(0, {}),
    () => run.writeMasks('searched', {}),
    () => run.stageFile('x.bin'),
  ]) {
    assert.throws(write, /Another process has taken over.*follow the other one/);
  }
  run.close();
  assert.equal(readFileSync(path, 'utf8'), other, 'the lock of the other one stays');
  assert.deepEqual(readdirSync(run.path).sort(), [
    'config.jsonc',
    'evaluations.jsonl',
    'events.jsonl',
    'lock.json',
    'manifest.json',
  ]);
});

test('a run whose folder was deleted is not made again', () => {
  const run = createRunFolder(mkdtempSync(join(tmpdir(), 'subnet-lock-')), someManifest());
  rmSync(run.path, { recursive: true });
  assert.throws(() => run.append({ kind: 'runStopped' }), /was deleted, moved or released/);
  assert.throws(() => {
    run.finishStage('search', {});
  }, /Restore the folder and resume the run/);
  run.close();
  assert.ok(!existsSync(run.path));
});

test('of many processes that find the same stale lock, one takes the folder', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'subnet-lock-'));
  const program = join(folder, 'taker.cjs');
  buildSync({
    entryPoints: [fileURLToPath(new URL('../../fakes/lockTaker.ts', import.meta.url))],
    outfile: program,
    bundle: true,
    platform: 'node',
    logLevel: 'error',
  });
  for (let round = 0; round < 3; round++) {
    writeFileSync(
      join(folder, 'lock.json'),
      JSON.stringify({ pid: 1, started: 'x:1', host: 'x', space: 'x' }),
    );
    utimesSync(join(folder, 'lock.json'), new Date(0), new Date(0));
    const takers = Array.from({ length: 6 }, () => fork(program, [folder], { execArgv: [] }));
    const answers = await Promise.all(
      takers.map((child) => new Promise((resolve) => child.once('message', resolve))),
    );
    assert.equal(answers.filter((answer) => answer === 'held').length, 1, String(answers));
    for (const child of takers) child.send('go');
    await Promise.all(takers.map((child) => new Promise((resolve) => child.once('exit', resolve))));
    assert.deepEqual(readdirSync(folder), ['taker.cjs']);
  }
});
