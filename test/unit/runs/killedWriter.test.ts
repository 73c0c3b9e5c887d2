import assert from 'node:assert/strict';
import { fork, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import { listRuns, readRunEvents } from '../../../src/engine/runs/listRuns.ts';
import { RunFolder, createRunFolder } from '../../../src/engine/runs/runFolder.ts';
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
    assert.throws(() => new RunFolder(run.path), new RegExp(`process ${child.pid} working on it`));
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
  const lock = (owner: object) => {
    writeFileSync(path, JSON.stringify({ ...mine, host: hostname(), ...owner }));
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
  lock({ pid: 2 ** 22 + 1, host: 'elsewhere' });
  assert.throws(() => new RunFolder(run.path), /on elsewhere working on it/);
});
