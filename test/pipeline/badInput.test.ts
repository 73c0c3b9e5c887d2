import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { readRunEvents, summariseRun } from '../../src/engine/runs/listRuns.ts';
import { isRunLocked } from '../../src/engine/runs/runLock.ts';
import type { EngineError, ErrorCode } from '../../src/protocol/errors.ts';
import { tinyTokenizer } from '../fixtures/tinyTokenizer.ts';
import { artefactsOf } from './artefacts.ts';
import { errorOf, resume, start, temporaryFolder } from './inProcess.ts';
import { type TinyChanges, type TinyRun, writeConfig, writeTinyRun } from './tinyRun.ts';

const folder = temporaryFolder();
let good: TinyRun;
/** Contents of a run that ended well before anything went wrong. */
let earlier: string;

before(async () => {
  good = await writeTinyRun(join(folder, 'good'));
  earlier = (await start(good.config)).runFolder;
});

/** How a run is spoilt, and what is to be said about it. */
interface Spoilt {
  readonly code: ErrorCode;
  readonly says: RegExp;
  readonly config?: TinyChanges;
  readonly spoil?: (run: TinyRun) => void;
  /** True when the run had begun, so that its folder tells the failure. */
  readonly begun?: boolean;
}

const rows: Record<string, Spoilt> = {
  'a text shorter than a window': {
    ...{ code: 'text', says: /has 1 token, and at least 32 are needed/, begun: true },
    spoil: ({ text }) => writeFileSync(text, 'the hen'),
  },
  'an empty text': {
    ...{ code: 'text', says: /has 0 tokens/, begun: true },
    spoil: ({ text }) => writeFileSync(text, ''),
  },
  'a missing text': {
    ...{ code: 'text', says: /There is no text/ },
    spoil: ({ text }) => rmSync(text),
  },
  'a folder for a text': {
    ...{ code: 'text', says: /is a folder, not a plain file/ },
    config: { text: 'model' },
  },
  'a text that is not UTF-8': {
    ...{ code: 'text', says: /is not stored in UTF-8/, begun: true },
    spoil: ({ text }) => writeFileSync(text, Buffer.from([0x74, 0x68, 0xff, 0xfe, 0x65])),
  },
  'a held-out text that is missing': {
    ...{ code: 'text', says: /gone\.txt/ },
    config: { heldout: 'gone.txt' },
  },
  'a held-out text shorter than a window': {
    ...{ code: 'text', says: /has 1 token, and at least 32 are needed/, begun: true },
    config: { heldout: 'short.txt' },
    spoil: (run) => writeFileSync(join(run.folder, 'short.txt'), 'a'),
  },
  'a missing tokenizer': {
    ...{ code: 'tokenizer', says: /tokenizer\.json/ },
    spoil: ({ model }) => rmSync(join(model, 'tokenizer.json')),
  },
  "another model's tokenizer": {
    ...{ code: 'tokenizer', says: /vocab|96/, begun: true },
    spoil: ({ model }) => {
      const { 'tokenizer.json': json } = tinyTokenizer(200);
      writeFileSync(join(model, 'tokenizer.json'), JSON.stringify(json));
    },
  },
  'a tokenizer that is not JSON': {
    ...{ code: 'tokenizer', says: /is not JSON/ },
    spoil: ({ model }) => writeFileSync(join(model, 'tokenizer.json'), '{'),
  },
  'weights that are not numbers': {
    ...{ code: 'checkpoint', says: /NaN|finite/, begun: true },
    spoil: ({ model }) => {
      const path = join(model, 'model.safetensors');
      const bytes = readFileSync(path);
      bytes.writeFloatLE(NaN, bytes.length - 400);
      writeFileSync(path, bytes);
    },
  },
  'weights that are cut short': {
    ...{ code: 'checkpoint', says: /safetensors/ },
    spoil: ({ model }) => {
      const path = join(model, 'model.safetensors');
      writeFileSync(path, readFileSync(path).subarray(0, 9000));
    },
  },
  'a missing model': {
    ...{ code: 'checkpoint', says: /gone/ },
    config: { model: 'gone' },
  },
  'an unknown architecture': {
    ...{ code: 'checkpoint', says: /mamba/ },
    spoil: ({ model }) => {
      const path = join(model, 'config.json');
      const config = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
      writeFileSync(path, JSON.stringify({ ...config, model_type: 'mamba' }));
    },
  },
  'a ratio above one': { code: 'config', says: /ratio/, config: { ratio: 1.2 } },
  'a ratio of zero': { code: 'config', says: /ratio/, config: { ratio: 0 } },
  'a ratio below what the search may choose': {
    ...{ code: 'config', says: /a ratio from 0\.25 to 1/ },
    config: { ratio: 1e-6 },
  },
  'a ratio that leaves nothing': {
    ...{ code: 'budget', says: /./, begun: true },
    config: {
      ratio: 1e-5,
      search: { ranges: { attention: [1e-6, 1, 0.01], mlp: [1e-6, 1, 0.05], depth: [0.01, 1] } },
    },
  },
  'ranges that cannot reach the ratio': {
    ...{ code: 'config', says: /a ratio from 0\.9 to 1/ },
    config: {
      search: { ranges: { attention: [0.9, 1, 0.01], mlp: [0.9, 1, 0.05], depth: [1, 1] } },
    },
  },
  'an unknown key': {
    ...{ code: 'config', says: /ratoi/ },
    spoil: ({ config }) => {
      const text = readFileSync(config, 'utf8');
      writeFileSync(config, text.replace('"ratio"', '"ratoi"'));
    },
  },
  'a device that is not here': {
    ...{ code: 'device', says: /DirectML|Core ML/, begun: true },
    config: { device: process.platform === 'win32' ? 'coreml' : 'dml' },
  },
};

for (const [what, { code, says, config, spoil, begun = false }] of Object.entries(rows)) {
  test(`${what} is one error that says what to do`, async () => {
    const run = await writeTinyRun(join(folder, what.replaceAll(/\W+/g, '-')), config);
    spoil?.(run);
    const error = await errorOf(start(run.config));
    checkError(error, code, says);
    const runs = existsSync(run.runs) ? readdirSync(run.runs) : [];
    assert.equal(runs.length, begun ? 1 : 0, `runs: ${runs.join()}`);
    if (begun) checkFailed(join(run.runs, runs[0]!), error);
  });
}

test('a runs folder that cannot be written to is one error', async () => {
  const run = await writeTinyRun(join(folder, 'closed'));
  // A file where the folder should be stops everybody, root too.
  mkdirSync(join(run.folder, '.subnet'));
  writeFileSync(run.runs, '');
  checkError(await errorOf(start(run.config)), 'disk', /runs/);
});

test(
  'a read-only runs folder is one error',
  { skip: process.getuid?.() === 0 ? 'root may write anywhere' : false },
  async () => {
    const run = await writeTinyRun(join(folder, 'read-only'));
    mkdirSync(run.runs, { recursive: true });
    chmodSync(run.runs, 0o500);
    checkError(await errorOf(start(run.config)), 'disk', /permission/);
    chmodSync(run.runs, 0o700);
  },
);

const small = join(folder, 'small-disk');
const noDisk = mountTiny(small);

test(
  'a disk that fills up is one error, and the run goes on when there is room',
  { skip: noDisk },
  async () => {
    try {
      const run = await writeTinyRun(join(folder, 'full'));
      const filler = join(small, 'filler');
      let runFolder = '';
      fill(filler, 0);
      const nothing = start(run.config, { overrides: { out: small } });
      checkError(await errorOf(nothing), 'disk', /The disk is full/);
      assert.deepEqual(readdirSync(small), ['filler'], 'no half-made run is left');
      for (const [free, wanted] of [
        [60_000, 'disk'],
        [160_000, 'disk'],
      ] as const) {
        rmSync(filler, { force: true });
        fill(filler, free);
        const work =
          runFolder === ''
            ? start(run.config, {
                overrides: { out: small },
                watch: (event) => {
                  if (event.kind === 'runStarted') runFolder = event.folder;
                },
              })
            : resume(runFolder);
        checkError(await errorOf(work), wanted, /The disk is full.*[Ff]ree some space/s);
        assert.ok(!isRunLocked(runFolder));
      }
      rmSync(filler);
      await resume(runFolder);
      assert.deepEqual(
        { ...artefactsOf(runFolder), subnet: null },
        { ...artefactsOf(earlier), subnet: null },
      );
    } finally {
      execFileSync('umount', [small]);
    }
  },
);

test('two engines cannot work on one run', async () => {
  const run = await writeTinyRun(join(folder, 'twice'));
  let second: Promise<EngineError> | undefined;
  await start(run.config, {
    watch: (event) => {
      if (event.kind === 'runStarted') second = errorOf(resume(event.folder));
    },
  });
  checkError((await second)!, 'run', /is in use by/);
});

test('what is no run cannot be resumed', async () => {
  checkError(await errorOf(resume(join(folder, 'nothing'))), 'run', /There is no folder/);
  checkError(await errorOf(resume(good.model)), 'run', /manifest\.json/);
});

test('what went wrong has not touched the run that had ended', () => {
  const summary = summariseRun(earlier, 'run');
  assert.ok(summary.kind === 'run' && summary.state === 'finished');
  writeConfig(good.config);
  assert.ok(existsSync(join(earlier, 'export/onnx/model.onnx')));
});

function checkError(error: EngineError, code: ErrorCode, says: RegExp): void {
  assert.equal(error.code, code, error.message);
  assert.match(error.message, says);
  for (const part of ['what', 'expected', 'found'] as const) {
    assert.ok(error.problem[part].length > 0, part);
  }
  const { sentence, action } = error.problem;
  // Where several things are wrong at once, a list ends the sentence.
  assert.match(sentence, /^(.*[.?]|.*:\n( {2}.+\n)+)$/s, 'the sentence is a sentence');
  assert.match(action, /^.*[.?]$/s, 'the action is a sentence');
  assert.doesNotMatch(error.message, /expected .*, found/);
}

/** The folder of a failed run tells the failure, is free, and can be read. */
function checkFailed(runFolder: string, error: EngineError): void {
  const last = readRunEvents(runFolder).events.at(-1)!;
  assert.ok(last.kind === 'runFailed');
  assert.deepEqual([last.code, last.message], [error.code, error.message]);
  assert.ok(!isRunLocked(runFolder));
  const summary = summariseRun(runFolder, 'run');
  assert.ok(summary.kind === 'run' && summary.state === 'failed');
  assert.ok(readFileSync(join(runFolder, 'log.txt'), 'utf8').includes(error.message));
}

/** Mounts a disk of 1.2 MB. @returns false, or why it cannot be done */
function mountTiny(path: string): false | string {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    return 'needs root on Linux to mount a small disk';
  }
  mkdirSync(path);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1200k', 'tmpfs', path], { stdio: 'pipe' });
    return false;
  } catch (error) {
    return `cannot mount a small disk here: ${String(error).split('\n')[0]}`;
  }
}

/** Leaves so many bytes free on the small disk. */
function fill(path: string, free: number): void {
  const piece = Buffer.alloc(4096);
  const used = execFileSync('df', ['--output=avail', '-B1', small], { encoding: 'utf8' });
  const pieces = Math.floor((Number(used.split('\n')[1]) - free) / piece.length);
  writeFileSync(path, Buffer.alloc(Math.max(0, pieces) * piece.length));
}
