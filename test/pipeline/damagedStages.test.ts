import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { isRunLocked } from '../../src/engine/runs/runLock.ts';
import { type Artefacts, artefactsOf } from './artefacts.ts';
import { errorOf, resume, start, temporaryFolder, type Watch } from './inProcess.ts';
import { writeTinyRun } from './tinyRun.ts';

const folder = temporaryFolder();
let expected: Artefacts;
/** A run that was stopped before it evaluated. */
let stopped: string;

const stopAtEvaluate: Watch = (event, stop) => {
  if (event.kind === 'runStarted') stopped = event.folder;
  if (event.kind === 'stageStarted' && event.stage === 'evaluate') stop();
};

before(async () => {
  const whole = await writeTinyRun(join(folder, 'whole'));
  expected = artefactsOf((await start(whole.config)).runFolder);
  const run = await writeTinyRun(join(folder, 'stopped'));
  assert.equal((await errorOf(start(run.config, { watch: stopAtEvaluate }))).code, 'cancelled');
});

/** A file of a finished stage, and what becomes of it. */
interface Spoilt {
  readonly name: string;
  /** The stage that is done again. */
  readonly stage: string;
  readonly damage: (old: Buffer) => Buffer | string;
}

const SPOILT: readonly Spoilt[] = [
  { name: 'stages/reform.json', stage: 'reform', damage: () => '{"stage":' },
  {
    name: 'stages/reform.json',
    stage: 'reform',
    damage: (old) => String(old).replace('"sha256":"', '"sha256":"0'),
  },
  {
    name: 'stages/calibrate.json',
    stage: 'calibrate',
    damage: () => '{"stage":"calibrate","result":{}}',
  },
  { name: 'stages/scores.bin', stage: 'calibrate', damage: () => 'short' },
  { name: 'stages/scores.bin', stage: 'calibrate', damage: flipped },
  { name: 'stages/reformed.safetensors', stage: 'reform', damage: () => 'short' },
  { name: 'stages/reformed.safetensors', stage: 'reform', damage: flipped },
  { name: 'stages/search.json', stage: 'search', damage: () => '[]' },
  { name: 'masks/searched.json', stage: 'search', damage: () => '{"layers":[]}' },
];

for (const { name, stage, damage } of SPOILT) {
  test(`a stage whose ${name} is damaged is done again, to the same result`, async () => {
    const path = join(stopped, name);
    const old = readFileSync(path);
    writeFileSync(path, damage(old));
    const warnings: string[] = [];
    const stopping = resume(stopped, (event, stop) => {
      if (event.kind === 'log' && event.level === 'warning') warnings.push(event.text);
      stopAtEvaluate(event, stop);
    });
    assert.equal((await errorOf(stopping)).code, 'cancelled');
    assert.ok(!isRunLocked(stopped));
    assert.deepEqual(warnings, [
      `The result of the stage "${stage}" is damaged: the stage runs again.`,
    ]);
    assert.deepEqual(readFileSync(path), old);
  });
}

for (const [what, damage] of [
  ['cut', (old: Buffer) => old.subarray(0, old.length / 2)],
  ['not what was written', flipped],
  ['of no search', () => '{"generation":3,"state":{}}'],
] as const) {
  test(`a search whose newest generation is ${what} goes on, to the same result`, async () => {
    const path = join(stopped, 'checkpoint/generation-0003.json');
    const old = readFileSync(path);
    writeFileSync(path, damage(old));
    rmSync(join(stopped, 'stages/search.json'));
    assert.equal((await errorOf(resume(stopped, stopAtEvaluate))).code, 'cancelled');
    assert.deepEqual(readFileSync(path), old);
  });
}

test('a run that was damaged in every stage ends as one that was not', async () => {
  await resume(stopped);
  assert.deepEqual({ ...artefactsOf(stopped), subnet: null }, { ...expected, subnet: null });
});

/** One bit is another one, near the end of the data. */
function flipped(old: Buffer): Buffer {
  const bytes = Buffer.from(old);
  const at = bytes.length - 9;
  bytes[at] = bytes[at]! ^ 1;
  return bytes;
}
