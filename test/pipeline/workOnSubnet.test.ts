import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join, relative } from 'node:path';
import { before, test } from 'node:test';
import { evaluateModel } from '../../src/engine/pipeline/evaluateModel.ts';
import { exportRun } from '../../src/engine/pipeline/exportRun.ts';
import { workOnSubnet } from '../../src/engine/pipeline/workOnSubnet.ts';
import { readRunEvents, summariseRun } from '../../src/engine/runs/listRuns.ts';
import { RunFolder } from '../../src/engine/runs/runFolder.ts';
import { readManifest, readResults } from '../../src/engine/runs/runLayout.ts';
import { candidateKeys } from '../../src/engine/runs/candidateStore.ts';
import type { SubnetRequest } from '../../src/protocol/engineApi.ts';
import { unitLayout } from '../../src/protocol/unitLayout.ts';
import type { RunEvent } from '../../src/protocol/runEvent.ts';
import type { SubnetReport } from '../../src/protocol/runRecord.ts';
import { errorOf, resume, start, temporaryFolder } from './inProcess.ts';
import { type TinyRun, writeTinyRun } from './tinyRun.ts';

const folder = temporaryFolder();
let files: TinyRun;
/** A finished run of `files`. */
let finished: string;

before(async () => {
  files = await writeTinyRun(join(folder, 'run'));
  finished = (await start(files.config)).runFolder;
});

test('the searched subnet, measured again, has the figures of the run', async () => {
  const before = summariseRun(finished, 'run');
  const key = searchedKey(finished);
  const report = await work({ key, reform: true });
  assert.equal(report.figure, null);
  const { reformed } = readResults(finished)!.figures;
  assert.equal(report.reformed!.perplexity, reformed!.perplexity);
  assert.equal(report.reformed!.params, reformed!.params);
  assert.deepEqual(readJson(finished, `subnets/${key}/result.json`), report);
  const { events } = readRunEvents(finished);
  const last = events.at(-1)!;
  assert.ok(last.kind === 'subnetReported');
  assert.deepEqual(last.report, report);
  assert.deepEqual(summariseRun(finished, 'run'), before, 'the run stands where it stood');
});

test('decoders that a killed process left are removed before anything is done', async () => {
  const left = ['stages/measure', 'stages/quantised', 'subnets/0123456789abcdef/measure'];
  for (const name of left) {
    mkdirSync(join(finished, name), { recursive: true });
    writeFileSync(join(finished, name, 'model.onnx.data'), 'weights');
  }
  await work({ key: searchedKey(finished), evaluate: false, forms: ['onnx'] });
  for (const name of left) assert.ok(!existsSync(join(finished, name)), name);
});

test('a subnet that is evaluated later is timed beside the dense model again', async () => {
  const key = searchedKey(finished);
  const before = Date.now();
  const { figure } = await work({ key });
  assert.ok(figure!.timing!.takenMs >= before);
  assert.notEqual(figure!.timing!.ratio, null);
  assert.deepEqual(figure!.evaluatedOn, readResults(finished)!.figures.searched!.evaluatedOn);
});

test('what is found out later is added to what was known', async () => {
  const key = searchedKey(finished);
  const known = await work({ key, reform: true });
  const report = await work({ key, evaluate: false, forms: ['onnx'] });
  assert.deepEqual(report.reformed, known.reformed);
  assert.deepEqual(
    report.exports.map(({ form }) => form),
    ['subnet', 'onnx'],
  );
  const plain = await work({ key });
  assert.equal(plain.figure!.perplexity, readResults(finished)!.figures.searched!.perplexity);
  assert.deepEqual(plain.exports, report.exports);
  assert.deepEqual(plain.reformed, known.reformed);
});

test('an export to a folder of the user is whole, and moves with its model', async () => {
  const project = join(folder, 'project');
  const { config, text } = await writeTinyRun(project);
  const { runFolder } = await start(config);
  assert.equal(readFileSync(join(project, '.subnet', '.gitignore'), 'utf8'), '*\n');
  const context = { signal: new AbortController().signal, emit: () => undefined };
  const best = join(project, 'exports', 'best');
  const own = join(runFolder, 'export');
  rmSync(join(own, 'onnx', 'model.onnx'));
  const forms = ['onnx', 'checkpoint'] as const;
  const reports = await exportRun({ path: runFolder, out: best, forms }, context);
  assert.deepEqual(
    reports.map(({ form, path }) => `${form} ${relative(best, path)}`),
    ['subnet subnet.json', 'checkpoint checkpoint', `onnx ${join('onnx', 'model.onnx')}`],
    'what the run still has is copied, the rest is written',
  );
  for (const { form, verified } of reports) assert.equal(verified === null, form === 'subnet');
  for (const name of ['reformed.safetensors', 'checkpoint/model.safetensors']) {
    assert.deepEqual(readFileSync(join(best, name)), readFileSync(join(own, name)));
  }
  const other = join(project, 'exports', 'other');
  const key = keysOf(runFolder).find((one) => one !== searchedKey(runFolder))!;
  const request = { runFolder, key, reform: true, evaluate: false, out: other };
  const { exports } = await workOnSubnet({ ...request, forms: ['onnx'] }, context);
  assert.deepEqual(
    exports.map(({ path }) => relative(other, path)),
    ['subnet.json', join('onnx', 'model.onnx')],
  );
  const asked = { context: 32, maxWindows: 12, device: 'cpu' } as const;
  const before = await evaluateModel({ path: join(best, 'subnet.json'), text, ...asked }, context);
  const moved = join(folder, 'moved');
  renameSync(project, moved);
  for (const name of ['best', 'other']) {
    const subnet = join(moved, 'exports', name, 'subnet.json');
    assert.doesNotMatch(
      readFileSync(subnet, 'utf8'),
      new RegExp(folder),
      'it names no absolute path',
    );
    // Without its weights it needs the calibration text too.
    rmSync(join(moved, 'exports', name, 'reformed.safetensors'));
    const after = await evaluateModel(
      { path: subnet, text: join(moved, 'text.txt'), ...asked },
      context,
    );
    if (name === 'best') assert.equal(after.perplexity, before.perplexity);
  }
});

test('any judged candidate can be exported, verified, and evaluated from its export', async () => {
  const key = keysOf(finished).find((one) => one !== searchedKey(finished))!;
  const events: RunEvent[] = [];
  const report = await work(
    { key, reform: true, forms: ['checkpoint', 'onnx'] },
    { watch: (event) => events.push(event) },
  );
  for (const { form, verified, path } of report.exports) {
    assert.ok(existsSync(path));
    if (form !== 'subnet') assert.ok(verified!.maxDifference <= verified!.tolerance);
  }
  assert.deepEqual(
    events.flatMap((event) => (event.kind === 'stageFinished' ? [event.stage] : [])),
    ['import', 'reform', 'evaluate', 'export'],
  );
  const asked = { key, reform: true, evaluate: true, forms: ['checkpoint', 'onnx'] };
  const [first] = events;
  assert.ok(first?.kind === 'subnetStarted');
  const { seq, timeMs, kind, ...said } = first;
  void [seq, timeMs, kind];
  assert.deepEqual(said, asked);
  const { perplexity } = await evaluateModel(
    {
      path: join(finished, 'subnets', key, 'export', 'subnet.json'),
      ...{ text: files.text, context: 32, device: 'cpu' },
    },
    { signal: new AbortController().signal, emit: () => undefined },
  );
  assert.ok(Number.isFinite(perplexity));
  assert.deepEqual(readdirSync(join(finished, 'subnets', key)).sort(), ['export', 'result.json']);
});

test('a stopped run can be asked too, and goes on afterwards', async () => {
  let run = '';
  const stopped = start(files.config, {
    watch: (event, stop) => {
      if (event.kind === 'runStarted') run = event.folder;
      if (event.kind === 'generationFinished' && event.generation === 1) stop();
    },
  });
  assert.equal((await errorOf(stopped)).code, 'cancelled');
  await work({ runFolder: run, key: keysOf(run)[2]! });
  const summary = summariseRun(run, 'run');
  assert.ok(summary.kind === 'run');
  assert.deepEqual([summary.state, summary.stage], ['stopped', 'search']);
  const { figures } = await resume(run);
  assert.equal(figures.reformed!.perplexity, readResults(finished)!.figures.reformed!.perplexity);
});

test('a run in use, an unknown key, and a request for nothing are refused', async () => {
  const key = searchedKey(finished);
  const holder = new RunFolder(finished);
  assert.match((await errorOf(work({ key }))).message, /is in use by process/);
  holder.close();
  const unknown = await errorOf(work({ key: '00000000deadbeef' }));
  assert.match(unknown.message, /the masks of subnet 00000000deadbeef/);
  assert.match((await errorOf(work({ key: '../../etc' }))).message, /the masks of subnet/);
  assert.match(
    (await errorOf(work({ key, evaluate: false }))).message,
    /Nothing was chosen to be done/,
  );
  const other = await errorOf(work({ runFolder: join(folder, 'no'), key }));
  assert.match(other.message, /There is no folder/);
});

test('it stops when asked to, and the folder is free afterwards', async () => {
  const key = keysOf(finished)[3]!;
  const before = readRunEvents(finished).events.length;
  const controller = new AbortController();
  const stopped = work(
    { key, reform: true },
    {
      signal: controller.signal,
      watch: (event) => {
        if (event.kind === 'stageStarted' && event.stage === 'reform') controller.abort();
      },
    },
  );
  assert.equal((await errorOf(stopped)).code, 'cancelled');
  assert.ok(!existsSync(join(finished, 'subnets', key)));
  const { events } = readRunEvents(finished);
  assert.ok(events.slice(before).every(({ kind }) => kind !== 'subnetReported'));
  new RunFolder(finished).close();
});

test('without candidates.bin the named subnets and the survivors are still found', async () => {
  const { runFolder } = await start(files.config);
  const survivors = readRunEvents(runFolder).events.flatMap((event) =>
    event.kind === 'generationFinished' ? [event.survivors] : [],
  );
  const expected = await work({ runFolder, key: survivors.at(-1)![1]! });
  rmSync(join(runFolder, 'masks', 'candidates.bin'));
  rmSync(join(runFolder, 'subnets'), { recursive: true });
  const found = await work({ runFolder, key: survivors.at(-1)![1]! });
  assert.equal(found.figure!.perplexity, expected.figure!.perplexity);
  await work({ runFolder, key: searchedKey(runFolder) });
});

function work(
  request: Partial<SubnetRequest> & { readonly key: string },
  options: { readonly watch?: (event: RunEvent) => void; readonly signal?: AbortSignal } = {},
): Promise<SubnetReport> {
  return workOnSubnet(
    { runFolder: finished, reform: false, evaluate: true, forms: [], ...request },
    {
      signal: options.signal ?? new AbortController().signal,
      emit: (event) => options.watch?.(event),
    },
  );
}

function keysOf(runFolder: string): string[] {
  return candidateKeys(runFolder, unitLayout(readManifest(runFolder).model!));
}

function searchedKey(runFolder: string): string {
  const { subnet } = readJson(runFolder, 'export/subnet.json') as { subnet: { key: string } };
  return subnet.key;
}

function readJson(runFolder: string, name: string): unknown {
  return JSON.parse(readFileSync(join(runFolder, name), 'utf8'));
}
