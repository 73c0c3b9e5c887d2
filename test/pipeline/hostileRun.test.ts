import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { RunReader } from '../../src/dashboard/reader/runReader.ts';
import { summariseRun } from '../../src/engine/runs/listRuns.ts';
import { isEngineError } from '../../src/protocol/errors.ts';
import { resume, start, temporaryFolder } from './inProcess.ts';
import { type TinyRun, writeTinyRun } from './tinyRun.ts';

// Run folders that somebody else has made: links and pipes under every name that is read or written.
const skip =
  process.platform === 'win32' ? 'Windows has no named pipes and devices by name' : false;
const folder = temporaryFolder();
const victim = join(folder, 'victim');
let files: TinyRun;
let finished: string;

before(async () => {
  files = await writeTinyRun(join(folder, 'run'));
  finished = (await start(files.config)).runFolder;
});

const STAGES_AFTER_SEARCH = ['stages/reform.json', 'stages/evaluate.json', 'stages/export.json'];

/** What lies where, and the parts of the run that are still to be done so that it is written there. */
const LINKS: readonly (readonly [at: string, to: string, undone: readonly string[]])[] = [
  ['results.json', 'file', []],
  ['results.json.tmp', 'file', []],
  ['stages/export.json', 'file', []],
  ['stages/export.json.tmp', 'file', ['stages/export.json']],
  ['stages/evaluate.json', 'file', ['stages/export.json']],
  ['stages/measure', 'folder', ['stages/evaluate.json', 'stages/export.json']],
  ['masks/searched.json', 'file', ['stages/search.json', ...STAGES_AFTER_SEARCH]],
  ['masks/candidates.bin', 'file', ['stages/search.json', ...STAGES_AFTER_SEARCH]],
  ['stages/reformed.safetensors', 'file', STAGES_AFTER_SEARCH],
  ['stages/reformed.safetensors.partial', 'file', STAGES_AFTER_SEARCH],
  ['export/subnet.json', 'file', ['stages/export.json']],
  ['export/reformed.safetensors', 'file', ['stages/export.json']],
  ['export/checkpoint', 'folder', ['stages/export.json']],
  ['export/onnx', 'folder', ['stages/export.json']],
  ['export/checkpoint/config.json', 'file', ['stages/export.json']],
  ['export', 'folder', ['stages/export.json']],
  ['checkpoint', 'folder', ['stages/search.json', ...STAGES_AFTER_SEARCH]],
  ['checkpoint/generation-0001.json', 'file', ['stages/search.json', ...STAGES_AFTER_SEARCH]],
  ['masks', 'folder', ['stages/search.json', ...STAGES_AFTER_SEARCH]],
  ['stages', 'folder', []],
  ['events.jsonl', 'file', []],
  ['evaluations.jsonl', 'file', []],
  ['log.txt', 'file', ['stages/export.json']],
  ['lock.json', 'file', []],
];

test('resuming a run of somebody else writes nothing outside its folder', { skip }, async (t) => {
  for (const [at, to, undone] of LINKS) {
    const run = copyOf(finished);
    for (const name of ['results.json', ...undone]) rmSync(join(run, name), { force: true });
    rmSync(join(run, at), { recursive: true, force: true });
    layOut();
    symlinkSync(join(victim, to), join(run, at));
    try {
      await resume(run);
    } catch (error) {
      assert.ok(isEngineError(error), `${at}: ${String(error)}`);
      assert.match(error.message, /link/, at);
      t.diagnostic(`${at}: ${error.message}`);
    }
    assert.deepEqual(victimNow(), VICTIM, at);
  }
});

const PIPES = [
  ...['manifest.json', 'events.jsonl', 'results.json', 'lock.json', 'config.jsonc'],
  ...['masks/searched.json', 'masks/candidates.bin', 'stages/scores.bin', 'stages/search.json'],
];

test('named pipes and endless devices keep nobody waiting', { skip, timeout: 60_000 }, async () => {
  for (const name of PIPES) {
    for (const target of ['pipe', '/dev/zero'] as const) {
      const run = copyOf(finished);
      rmSync(join(run, 'results.json'), { force: true });
      rmSync(join(run, name), { force: true });
      if (target === 'pipe') execFileSync('mkfifo', [join(run, name)]);
      else symlinkSync(target, join(run, name));
      assert.ok(['run', 'corrupt'].includes(summariseRun(run, 'x').kind), name);
      expectAnswer(name, () => new RunReader(run).snapshot());
      expectAnswer(name, () =>
        new RunReader(run).mask({ kind: 'candidate', key: '0123456789abcdef' }),
      );
      await resume(run).catch((error: unknown) => {
        assert.ok(isEngineError(error), `${name}: ${String(error)}`);
      });
    }
  }
});

function expectAnswer(name: string, work: () => unknown): void {
  try {
    work();
  } catch (error) {
    assert.ok(isEngineError(error), `${name}: ${String(error)}`);
  }
}

test('a folder of runs that is a link is not followed out of the workspace', { skip }, async () => {
  const other = await writeTinyRun(join(folder, 'linked'));
  layOut();
  symlinkSync(join(victim, 'folder'), join(other.folder, '.subnet'));
  await assert.rejects(start(other.config), /\.subnet is a link/);
  assert.deepEqual(victimNow(), VICTIM);
});

const VICTIM = {
  file: 'precious',
  'folder/generation-0001.json': 'keep',
  'folder/config.json': '{}',
};

function layOut(): void {
  rmSync(victim, { recursive: true, force: true });
  mkdirSync(join(victim, 'folder'), { recursive: true });
  for (const [name, text] of Object.entries(VICTIM)) writeFileSync(join(victim, name), text);
}

function victimNow(): Record<string, string> {
  const found = readdirSync(victim, { recursive: true, withFileTypes: true });
  return Object.fromEntries(
    found
      .filter((entry) => !entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [path.slice(victim.length + 1), readFileSync(path, 'utf8')]),
  );
}

let copies = 0;
function copyOf(run: string): string {
  const copy = join(folder, `copy-${copies++}`);
  cpSync(run, copy, { recursive: true });
  return copy;
}
