import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { evaluateModel } from '../../src/engine/pipeline/evaluateModel.ts';
import { startRun } from '../../src/engine/pipeline/startRun.ts';
import { workOnSubnet } from '../../src/engine/pipeline/workOnSubnet.ts';
import { readRunEvents } from '../../src/engine/runs/listRuns.ts';
import { readResults } from '../../src/engine/runs/runLayout.ts';
import type { RunEvent } from '../../src/protocol/runEvent.ts';
import { errorOf, resume, start, temporaryFolder } from './inProcess.ts';
import { type TinyRun, writeConfig, writeTinyRun } from './tinyRun.ts';

const folder = temporaryFolder();
let files: TinyRun;
/** A finished run of `files`. */
let finished: string;

before(async () => {
  files = await writeTinyRun(join(folder, 'run'), { method: 'levels' });
  finished = (await start(files.config)).runFolder;
});

test('every child of the search is on the budget, and none is told twice', () => {
  const events = eventsOf(finished);
  const judged = events.flatMap((event) => (event.kind === 'evaluated' ? [event] : []));
  const { dense, searched, random } = readResults(finished)!.figures;
  const budget = random!.blockParams;
  assert.ok(budget <= 0.6 * dense!.blockParams);
  for (const { params, how, parents } of judged) {
    assert.ok(params <= budget && params > 0.95 * budget, `${params} of ${budget}`);
    assert.deepEqual([how, parents.length], how === 'initial' ? ['initial', 0] : ['switch', 1]);
  }
  assert.equal(new Set(judged.map(({ key }) => key)).size, judged.length);
  assert.ok(searched!.blockParams <= budget);
  const best = events.findLast((event) => event.kind === 'generationFinished')!;
  assert.ok(best.kind === 'generationFinished' && judged[0]!.fitness >= best.best);
});

test('subnet.json says that value dimensions are of another basis, and holds their weights', async () => {
  const path = join(finished, 'export/subnet.json');
  const config = JSON.parse(readFileSync(path, 'utf8')) as {
    subnet: { values?: string };
    reformed: { maps: string[] };
  };
  assert.equal(config.subnet.values, 'rotated');
  assert.deepEqual([...config.reformed.maps].sort(), ['down', 'o', 'v']);
  const { figures } = readResults(finished)!;
  const request = { path, text: files.text, device: 'cpu' as const, context: 32 };
  const loaded = await evaluateModel(
    { ...request, maxWindows: 12 },
    { signal: new AbortController().signal, emit: () => undefined },
  );
  assert.ok(Number.isFinite(loaded.perplexity));
  const again = await work(searchedKey(finished));
  assert.equal(again.reformed?.perplexity, (figures.reformed ?? figures.searched)!.perplexity);
});

test('without its weights it is refused, because they cannot be those of the source', async () => {
  const copy = join(folder, 'copy');
  const path = join(finished, 'export/subnet.json');
  const text = readFileSync(path, 'utf8');
  const source = join(files.folder, 'model');
  const config = JSON.parse(text) as { source: { path: string } };
  config.source.path = source;
  rmSync(copy, { recursive: true, force: true });
  mkdirSync(copy);
  writeFileSync(join(copy, 'subnet.json'), JSON.stringify(config));
  const error = await errorOf(
    evaluateModel(
      {
        path: join(copy, 'subnet.json'),
        text: files.text,
        device: 'cpu',
        context: 32,
        maxWindows: 12,
      },
      { signal: new AbortController().signal, emit: () => undefined },
    ),
  );
  assert.equal(error.code, 'checkpoint');
  assert.match(error.message, /cannot do without them/);
});

test('another run of the same model and text takes its levels over, whatever its ratio', async () => {
  writeConfig(files.config, { method: 'levels', ratio: 0.8 });
  const { runFolder } = await start(files.config);
  assert.ok(said(runFolder, /Levels of the same model and text are taken from/));
  const [own, other] = [runFolder, finished].map((run) => levelFiles(run));
  assert.equal(own!.length, 4, 'three blocks and a record');
  assert.deepEqual(
    own!.slice(0, 3).map((path) => statSync(path).ino),
    other!.slice(0, 3).map((path) => statSync(path).ino),
    'they are the same files',
  );
  // Another seed draws other windows.
  const changed = await start(files.config, { overrides: { seed: 5 } });
  assert.ok(!said(changed.runFolder, /are taken from/));
});

test('levels that are damaged are made again, and the run ends the same', async () => {
  writeConfig(files.config, { method: 'levels' });
  for (const other of readdirSync(files.runs)) {
    if (join(files.runs, other) !== finished) rmSync(join(files.runs, other), { recursive: true });
  }
  let stopped = '';
  const error = await errorOf(
    start(files.config, {
      watch: (event, stop) => {
        if (event.kind === 'runStarted') stopped = event.folder;
        if (event.kind === 'generationFinished') stop();
      },
    }),
  );
  assert.equal(error.code, 'cancelled');
  const [first] = levelFiles(stopped);
  const bytes = readFileSync(first!);
  bytes[bytes.length - 3]! ^= 0x10;
  rmSync(first!);
  writeFileSync(first!, bytes);
  const { runFolder } = await resume(stopped);
  assert.ok(said(runFolder, /levels of this run are damaged: they are made again/));
  assert.equal(
    readResults(runFolder)!.figures.searched!.perplexity,
    readResults(finished)!.figures.searched!.perplexity,
  );
});

test('a search that is asked to finish keeps the levels of its last whole generation', async () => {
  const asked = new AbortController();
  let best = '';
  const { runFolder } = await startRun(files.config, {
    signal: new AbortController().signal,
    finishSearch: asked.signal,
    emit: (event) => {
      if (event.kind !== 'generationFinished' || event.generation !== 1) return;
      best = event.survivors[0]!;
      asked.abort();
    },
  });
  assert.equal(searchedKey(runFolder), best);
  assert.ok(said(runFolder, /asked to finish early, after 1 generation\b/));
});

test('a budget of disk space gives fewer widths, or one sentence', async () => {
  const levels = { diskGB: 1e-6 };
  writeConfig(files.config, { method: 'levels', levels });
  const error = await errorOf(start(files.config));
  assert.equal(error.code, 'config');
  assert.match(error.message, /"levels\.diskGB" allows/);
});

function levelFiles(run: string): string[] {
  const [name] = readdirSync(join(run, 'levels'));
  const path = join(run, 'levels', name!);
  return readdirSync(path)
    .sort()
    .map((file) => join(path, file));
}

function eventsOf(run: string): readonly RunEvent[] {
  return readRunEvents(run).events.filter((event): event is RunEvent => event.kind !== 'unknown');
}

function said(run: string, what: RegExp): boolean {
  return eventsOf(run).some((event) => event.kind === 'log' && what.test(event.text));
}

function searchedKey(run: string): string {
  const text = readFileSync(join(run, 'export/subnet.json'), 'utf8');
  return (JSON.parse(text) as { subnet: { key: string } }).subnet.key;
}

function work(key: string): ReturnType<typeof workOnSubnet> {
  return workOnSubnet(
    { runFolder: finished, key, reform: true, evaluate: true, forms: [] },
    { signal: new AbortController().signal, emit: () => undefined },
  );
}
