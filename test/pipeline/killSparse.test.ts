import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { rngFor } from '../../src/engine/numeric/rng.ts';
import { type Artefacts, artefactsOf } from './artefacts.ts';
import { bundlePipeline } from './bundlePipeline.ts';
import type { ChildEnd, KillAt } from './pipelineChild.ts';
import { type TinyChanges, type TinyRun, writeTinyRun } from './tinyRun.ts';

const folder = mkdtempSync(join(tmpdir(), 'subnet-kill-sparse-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

const sparsify = { method: 'ours', pattern: '2:4', scope: 'all' } as const;
/** With a subnet and a refit before it, and alone. */
const configs: Record<string, TinyChanges> = {
  'of a subnet': { search: { enabled: false }, sparsify },
  'of the whole model': { ratio: 1, sparsify },
};

let program: string;
before(() => {
  program = bundlePipeline(folder);
});

for (const [name, changes] of Object.entries(configs)) {
  test(`a run killed while it sparsifies ends as if it had not been: ${name}`, async (t) => {
    const files = await writeTinyRun(join(folder, name.replaceAll(' ', '-')), changes);
    const end = next(files, null);
    assert.ok(end?.ok, JSON.stringify(end));
    const expected = artefactsOf(end.runFolder);
    assert.ok('masks/sparse.bits' in expected && 'stages/sparse.safetensors' in expected);
    check(files, expected, [
      { event: 'stageStarted', stage: 'sparsify', count: 1 },
      { event: 'blockSparsified', count: 2 },
      { event: 'stageFinished', stage: 'sparsify', count: 1 },
    ]);
    const rng = rngFor(4, name);
    const counts = [1 + Math.floor(0.9 * rng.uniform() * end.writes)];
    t.diagnostic(`killed at writes ${counts.join(', ')} of ${end.writes}`);
    check(
      files,
      expected,
      counts.map((count) => ({ count })),
    );
  });
}

function check(files: TinyRun, expected: Artefacts, kills: readonly KillAt[]): void {
  rmSync(files.runs, { recursive: true, force: true });
  for (const kill of kills) {
    const end = next(files, kill);
    assert.ok(end === null || kill.event === undefined, `killed at ${JSON.stringify(kill)}`);
  }
  const end = next(files, null);
  assert.ok(end?.ok, JSON.stringify(end));
  assert.deepEqual(artefactsOf(end.runFolder), expected);
}

/** A new process resumes the run, or starts it where there is none. @returns null when killed */
function next(files: TinyRun, kill: KillAt | null): ChildEnd | null {
  const runs = existsSync(files.runs) ? readdirSync(files.runs) : [];
  const run = runs.find((name) => !name.startsWith('.'));
  const words = run === undefined ? ['start', files.config] : ['resume', join(files.runs, run)];
  const env = { ...process.env, KILL_AT: JSON.stringify(kill) };
  const { stdout, signal } = spawnSync(process.execPath, [program, ...words], {
    ...{ encoding: 'utf8', env },
  });
  return signal === 'SIGKILL' ? null : (JSON.parse(stdout) as ChildEnd);
}
