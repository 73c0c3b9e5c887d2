import assert from 'node:assert/strict';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { replaceFile } from '../../../src/files/writeFile.ts';
import { listRuns, readRunEvents } from '../../../src/engine/runs/listRuns.ts';
import { RunFolder, createRunFolder } from '../../../src/engine/runs/runFolder.ts';
import { runIdOf } from '../../../src/engine/runs/runId.ts';
import { isEngineError } from '../../../src/protocol/errors.ts';
import { someManifest } from '../../fakes/runManifest.ts';

const tick = () => 5;

test('keeps what was written over closing and opening', () => {
  const run = createRunFolder(root(), someManifest(), tick);
  run.append({ kind: 'runStarted', id: 'demo-1', folder: run.path, resumed: false });
  run.evaluations.record('key', 12.5);
  run.finishStage('calibrate', { windows: 3 });
  run.writeMasks('searched', [[1, 2]]);
  run.saveGeneration(0, { best: 'key' });
  replaceFile(run.stageFile('calibrate.bin'), new Uint8Array([1, 2, 3]));
  run.close();
  const again = new RunFolder(run.path, tick);
  assert.equal(again.evaluations.get('key'), 12.5);
  assert.deepEqual(again.stageResult('calibrate'), { kind: 'whole', value: { windows: 3 } });
  assert.deepEqual(again.stageResult('search'), { kind: 'absent' });
  assert.deepEqual(again.readMasks('searched'), [[1, 2]]);
  assert.deepEqual(again.latestGeneration(), { generation: 0, state: { best: 'key' } });
  assert.deepEqual([...readFileSync(again.stageFile('calibrate.bin'))], [1, 2, 3]);
  assert.equal(again.append({ kind: 'runStopped' }).seq, 1);
  again.close();
});

test('keeps the config as the user wrote it', () => {
  const run = createRunFolder(root(), someManifest(), tick);
  run.close();
  assert.equal(readFileSync(join(run.path, 'config.jsonc'), 'utf8'), someManifest().configText);
});

test('refuses a second run of the same id, and an id that is a path', () => {
  const folder = root();
  createRunFolder(folder, someManifest(), tick).close();
  assert.throws(
    () => createRunFolder(folder, someManifest(), tick),
    /There is a run in .* already/,
  );
  assert.throws(
    () => createRunFolder(folder, someManifest({ id: '../x' }), tick),
    /cannot be the name/,
  );
});

test('repairs torn tails and goes on counting where it left off', () => {
  const run = createRunFolder(root(), someManifest(), tick);
  for (let i = 0; i < 3; i++) run.append({ kind: 'log', level: 'info', text: `line ${i}` });
  run.evaluations.record('a', 1);
  run.close();
  appendFileSync(join(run.path, 'events.jsonl'), '{"kind":"log","seq":3,"ti');
  appendFileSync(join(run.path, 'evaluations.jsonl'), '{"key":"b","fit');
  assert.equal(readRunEvents(run.path).events.length, 3, 'a reader skips the torn line');
  const again = new RunFolder(run.path, tick);
  assert.equal(again.append({ kind: 'runStopped' }).seq, 3);
  assert.equal(again.evaluations.get('b'), undefined);
  again.evaluations.record('b', 2);
  again.close();
  const { events, damaged } = readRunEvents(run.path);
  assert.deepEqual(
    events.map(({ seq }) => seq),
    [0, 1, 2, 3],
  );
  assert.equal(damaged, 0);
});

test('keeps events of kinds it does not know', () => {
  const run = createRunFolder(root(), someManifest(), tick);
  run.close();
  const line = '{"kind":"teleported","seq":0,"timeMs":1,"to":"mars"}';
  appendFileSync(join(run.path, 'events.jsonl'), `${line}\nrubbish\n`);
  const { events, damaged } = readRunEvents(run.path);
  assert.equal(damaged, 1);
  assert.deepEqual(events, [
    { kind: 'unknown', seq: 0, timeMs: 1, original: JSON.parse(line) as object },
  ]);
});

test('keeps the last three generations and falls back when the newest is damaged', () => {
  const run = createRunFolder(root(), someManifest(), tick);
  for (let generation = 0; generation < 5; generation++) run.saveGeneration(generation, generation);
  const folder = join(run.path, 'checkpoint');
  assert.deepEqual(readdirSync(folder).sort(), [
    'generation-0002.json',
    'generation-0003.json',
    'generation-0004.json',
  ]);
  writeFileSync(join(folder, 'generation-0004.json'), '{"generation":4,"sta');
  assert.deepEqual(run.latestGeneration(), { generation: 3, state: 3 });
  run.close();
});

test('refuses numbers that JSON cannot hold', () => {
  const run = createRunFolder(root(), someManifest(), tick);
  const refused = (error: unknown) => isEngineError(error, 'numeric');
  assert.throws(() => {
    run.evaluations.record('x', Number.NaN);
  }, refused);
  assert.throws(() => {
    run.saveGeneration(0, { best: Infinity });
  }, refused);
  assert.equal(run.latestGeneration(), undefined);
  run.close();
});

test('lists runs newest first, and a damaged one as one line', () => {
  const folder = root();
  createRunFolder(folder, someManifest({ id: 'old', createdMs: 1 }), tick).close();
  const young = createRunFolder(folder, someManifest({ id: 'young', createdMs: 2 }), tick);
  young.append({ kind: 'runStarted', id: 'young', folder: young.path, resumed: false });
  young.append({ kind: 'stageStarted', stage: 'search' });
  const quartiles: [number, number] = [8, 10];
  const figures = { best: 7, median: 9, quartiles, survivors: [], ms: 1 };
  young.append({ kind: 'generationFinished', generation: 4, ...figures });
  mkdirSync(join(folder, 'empty'));
  mkdirSync(join(folder, 'torn'));
  writeFileSync(join(folder, 'torn', 'manifest.json'), '{"schemaVersion":1,');
  mkdirSync(join(folder, 'newer'));
  writeFileSync(join(folder, 'newer', 'manifest.json'), '{"schemaVersion":99}');
  const rows = listRuns(folder);
  assert.deepEqual(
    rows.map(({ kind, id }) => `${kind} ${id}`),
    ['run young', 'run old', 'corrupt empty', 'corrupt newer', 'corrupt torn'],
  );
  const [first, second, , newer] = rows;
  assert.ok(first?.kind === 'run' && second?.kind === 'run' && newer !== undefined);
  assert.deepEqual(
    [first.state, first.stage, first.generation, first.bestFitness, first.ratio],
    ['running', 'search', 4, 7, 0.7],
  );
  assert.equal(second.state, 'queued');
  assert.match(newer.message ?? '', /A newer version of Subnet Studio wrote .*format 99/);
  young.close();
  const [crashed] = listRuns(folder);
  assert.ok(crashed?.kind === 'run');
  assert.equal(crashed.state, 'stopped', 'no last word and nobody at work');
});

test('tells the field that is wrong in a damaged manifest', () => {
  const folder = join(root(), 'x');
  mkdirSync(folder);
  const manifest = { ...someManifest(), hashes: { model: 3 } };
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest));
  assert.throws(() => new RunFolder(folder), /field \/hashes\/model/);
});

test('does not write through a masks folder that was replaced by a link', () => {
  const run = createRunFolder(root(), someManifest(), tick);
  const outside = root();
  symlinkSync(outside, join(run.path, 'masks'));
  assert.throws(() => {
    run.writeMasks('searched', []);
  }, /masks is a link/);
  assert.deepEqual(readdirSync(outside), []);
  run.close();
});

test('names runs so that they sort and are safe as file names', () => {
  const id = runIdOf('Größe: 70% / a', Date.UTC(2026, 0, 2, 3, 4, 5), 'ABCDEF0123');
  assert.equal(id, 'gro-e-70-a-20260102-030405-abcdef');
  assert.match(runIdOf('模型', 0, '012345'), /^run-19700101-000000-012345$/);
});

function root(): string {
  return mkdtempSync(join(tmpdir(), 'subnet-runs-'));
}

test('refuses a manifest that is too large to be one before reading it', () => {
  const run = createRunFolder(root(), someManifest(), tick);
  run.close();
  const path = join(run.path, 'manifest.json');
  writeFileSync(path, `${readFileSync(path, 'utf8')}${' '.repeat(4_000_000)}`);
  assert.throws(() => new RunFolder(run.path, tick), /manifest\.json is too large/);
});
