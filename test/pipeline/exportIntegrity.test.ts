import assert from 'node:assert/strict';
import {
  appendFileSync,
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { exportRun } from '../../src/engine/pipeline/exportRun.ts';
import { summariseRun } from '../../src/engine/runs/listRuns.ts';
import { readResults, runFiles } from '../../src/engine/runs/runLayout.ts';
import type { ExportForm, ExportRequest } from '../../src/protocol/engineApi.ts';
import type { ExportReport, RunResults } from '../../src/protocol/runRecord.ts';
import { errorOf, resume, start, temporaryFolder } from './inProcess.ts';
import { type TinyRun, writeTinyRun } from './tinyRun.ts';

const folder = temporaryFolder();
const FORMS: readonly ExportForm[] = ['checkpoint', 'onnx'];
let files: TinyRun;
/** A finished run, which tests copy. */
let finished: string;

before(async () => {
  files = await writeTinyRun(join(folder, 'run'), { search: { enabled: false } });
  finished = (await start(files.config)).runFolder;
});

/** A copy of the run in a folder of its own, so that paths in its exports hold. */
function copyOfRun(name: string): string {
  const copy = join(folder, 'run', '.subnet', 'runs', name);
  cpSync(finished, copy, { recursive: true });
  return copy;
}

function exportAgain(
  path: string,
  out?: string,
  more: Partial<ExportRequest> = {},
): ReturnType<typeof exportRun> {
  const context = { signal: new AbortController().signal, emit: () => undefined };
  const place = out === undefined ? {} : { out: join(folder, out) };
  return exportRun({ path, forms: FORMS, ...place, ...more }, context);
}

function filesOf(path: string): string[] {
  return readdirSync(path, { recursive: true, encoding: 'utf8' }).sort();
}

test('a run records what each file of an export hashed to when it was verified', () => {
  const { exports } = readResults(finished)!;
  for (const { form, hashes } of exports) {
    const names = form === 'subnet' ? ['subnet.json'] : filesOf(join(finished, 'export', form));
    assert.deepEqual(Object.keys(hashes!).sort(), names);
  }
});

test('an export that was edited after it was verified is not copied as verified', async () => {
  const edits: Record<string, (dir: string) => void> = {
    'checkpoint/model.safetensors': (dir) => flipLastByte(join(dir, 'model.safetensors')),
    'checkpoint/README.md': (dir) => appendFileSync(join(dir, 'README.md'), 'edited'),
    'checkpoint/tokenizer.json': (dir) => writeFileSync(join(dir, 'tokenizer.json'), '{}'),
    'onnx/model.onnx.data': (dir) => flipLastByte(join(dir, 'model.onnx.data')),
    'checkpoint/added.py': (dir) => writeFileSync(join(dir, 'added.py'), 'import os'),
  };
  for (const [name, edit] of Object.entries(edits)) {
    const run = copyOfRun(`edited-${Object.keys(edits).indexOf(name)}`);
    const [form] = name.split('/') as [ExportForm];
    edit(join(run, 'export', form));
    const out = `out-${name.replaceAll('/', '-')}`;
    const error = await errorOf(exportAgain(run, out));
    assert.equal(error.code, 'verify');
    const sentence = `${join(run, 'export', name)} was changed after it was verified; export it again.`;
    assert.ok(error.message.startsWith(sentence), error.message);
    const left = join(folder, out, form);
    assert.deepEqual(existsSync(left) ? filesOf(left) : [], [], 'no part of it was left');
    // What the error asks for helps.
    rmSync(join(run, 'export', form), { recursive: true });
    const reports = await exportAgain(run, out);
    assert.ok(reports.every(({ form: made, verified }) => made === 'subnet' || verified !== null));
  }
});

test('an export that lacks a file, or of a subnet.json that was edited, is written again', async () => {
  const run = copyOfRun('lacking');
  rmSync(join(run, 'export', 'checkpoint', 'README.md'));
  const again = await exportAgain(run, 'whole');
  assert.ok(existsSync(join(folder, 'whole', 'checkpoint', 'README.md')));
  assert.deepEqual(again.map(({ form }) => form).sort(), ['checkpoint', 'onnx', 'subnet']);
  const subnet = join(run, 'export', 'subnet.json');
  writeFileSync(subnet, `${readFileSync(subnet, 'utf8')}\n`);
  flipLastByte(join(run, 'export', 'onnx', 'model.onnx.data'));
  await exportAgain(run, 'ofEdited');
  const [good, written] = ['whole', 'ofEdited'].map((out) =>
    readFileSync(join(folder, out, 'onnx', 'model.onnx.data')),
  );
  assert.deepEqual(written, good);
});

test('an export of a run that recorded no hashes is written again', async () => {
  const run = copyOfRun('older');
  const path = join(run, runFiles.results);
  const results = JSON.parse(readFileSync(path, 'utf8')) as RunResults;
  const older = results.exports.map((report): ExportReport => {
    const { hashes, ...rest } = report;
    void hashes;
    return rest;
  });
  writeFileSync(path, JSON.stringify({ ...results, exports: older }));
  assert.equal(readResults(run)!.exports[0]!.hashes, undefined);
  flipLastByte(join(run, 'export', 'checkpoint', 'model.safetensors'));
  await exportAgain(run, 'fromOlder');
  assert.deepEqual(
    readFileSync(join(folder, 'fromOlder', 'checkpoint', 'model.safetensors')),
    readFileSync(join(finished, 'export', 'checkpoint', 'model.safetensors')),
  );
});

test('what a run exports again in its own folder is what it has verified from then on', async () => {
  const run = copyOfRun('again');
  const before = summariseRun(run, 'again');
  await exportAgain(run, undefined, { forms: ['checkpoint'], dtype: 'float16' });
  assert.deepEqual(summariseRun(run, 'again'), before, 'the run stands where it stood');
  const reports = await exportAgain(run, 'halves', { forms: ['checkpoint'] });
  const { bytes, hashes } = reports.find(({ form }) => form === 'checkpoint')!;
  const own = readResults(finished)!.exports.find(({ form }) => form === 'checkpoint')!;
  assert.ok(bytes < own.bytes);
  assert.notDeepEqual(hashes, own.hashes);
  assert.deepEqual(
    readFileSync(join(folder, 'halves', 'checkpoint', 'model.safetensors')),
    readFileSync(join(run, 'export', 'checkpoint', 'model.safetensors')),
  );
});

test('changed weights beside a subnet.json are not copied with it', async () => {
  const run = copyOfRun('reformed');
  flipLastByte(join(run, 'export', 'reformed.safetensors'));
  const error = await errorOf(exportAgain(run, 'damaged'));
  assert.equal(error.code, 'checkpoint');
  assert.match(error.message, /reformed\.safetensors/);
  assert.ok(!existsSync(join(folder, 'damaged', 'reformed.safetensors')));
});

test('a resumed run verifies again what was changed since', async () => {
  const run = copyOfRun('resumed');
  // Killed after its last stage.
  rmSync(join(run, runFiles.results));
  const weights = join(run, 'export', 'checkpoint', 'model.safetensors');
  const good = readFileSync(weights);
  flipLastByte(weights);
  const { exports } = await resume(run);
  assert.deepEqual(readFileSync(weights), good);
  assert.ok(exports.every(({ form, verified }) => form === 'subnet' || verified !== null));
});

function flipLastByte(path: string): void {
  const bytes = readFileSync(path);
  bytes[bytes.length - 1]! ^= 0x40;
  writeFileSync(path, bytes);
}
