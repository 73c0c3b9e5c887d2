import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRunFolder, RunFolder } from '../../../src/engine/runs/runFolder.ts';
import { someManifest } from '../../fakes/runManifest.ts';

const linux = process.platform === 'linux';

test(
  'a killed owner whose parent never asks for it does not hold the run',
  { skip: linux ? false : 'only Linux tells the state of a process in /proc', timeout: 20_000 },
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'subnet-zombie-'));
    const run = createRunFolder(folder, someManifest());
    run.close();
    // The shell becomes a program that does not know it has a child.
    const parent = spawn('sh', ['-c', 'sleep 15 & echo $!; exec sleep 15']);
    try {
      const pid = await new Promise<number>((resolve) => {
        parent.stdout.once('data', (data) => resolve(Number(String(data))));
      });
      const stateOf = (): string => readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]![0]!;
      writeFileSync(
        join(run.path, 'lock.json'),
        JSON.stringify({ pid, started: null, host: hostname() }),
      );
      assert.throws(() => new RunFolder(run.path), /is in use by/);
      process.kill(pid, 'SIGKILL');
      while (stateOf() !== 'Z') await sleep(20);
      new RunFolder(run.path).close();
    } finally {
      parent.kill('SIGKILL');
      rmSync(folder, { recursive: true });
    }
  },
);
