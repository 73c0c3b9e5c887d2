import assert from 'node:assert/strict';
import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { readRunEvents, summariseRun } from '../../src/engine/runs/listRuns.ts';
import { readManifest, readResults } from '../../src/engine/runs/runLayout.ts';
import { parseRunConfig } from '../../src/protocol/parseRunConfig.ts';
import { figureNames, stageNames } from '../../src/protocol/runWords.ts';
import { isDenseTiming } from '../../src/protocol/speedChange.ts';
import { artefactsOf } from './artefacts.ts';
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

test('a run leaves every file it promises, each of them valid', () => {
  for (const name of [
    ...['config.jsonc', 'events.jsonl', 'evaluations.jsonl', 'log.txt'],
    ...['masks/random.json', 'masks/initialised.json', 'masks/searched.json'],
    ...['checkpoint/generation-0003.json', 'stages/reformed.safetensors'],
    ...['export/subnet.json', 'export/reformed.safetensors'],
    ...['export/checkpoint/model.safetensors', 'export/checkpoint/config.json'],
    ...['export/checkpoint/tokenizer.json', 'export/onnx/model.onnx'],
  ]) {
    assert.ok(statSync(join(finished, name)).size > 0, name);
  }
  const manifest = readManifest(finished);
  assert.equal(manifest.configText, readFileSync(files.config, 'utf8'));
  assert.equal(parseRunConfig(manifest.configText, 'config').ratio, manifest.config['ratio']);
  assert.deepEqual(Object.keys(manifest.hashes).sort(), [
    'model',
    'text',
    'tokenizer',
    'tokenizer.json',
    'tokenizer_config.json',
  ]);
  assert.ok(manifest.versions['onnxruntime']);
  const names = readdirSync(finished, { recursive: true, encoding: 'utf8' });
  assert.deepEqual(
    names.filter((name) => /tmp|partial|lock|measure/.test(name)),
    [],
  );
});

test('its results have every row, on one budget, and verified exports', () => {
  const { figures, exports } = readResults(finished)!;
  const block = figures.searched!.blockParams;
  for (const name of figureNames) {
    if (name === 'sparse' || name === 'quantised') {
      assert.equal(figures[name], null, 'nobody asked for it');
      continue;
    }
    const figure = figures[name]!;
    const { perplexity, lossNats, prefillMs, decodeMs, timing } = figure;
    assert.ok([perplexity, lossNats, prefillMs, decodeMs].every(Number.isFinite), name);
    assert.equal(isDenseTiming(timing!), name === 'dense', 'timed in turns with the dense model');
    assert.equal(timing!.takenMs, figures.dense!.timing!.takenMs);
    // A random model knows nothing, so its perplexity is about its 96 tokens.
    assert.ok(perplexity! > 5 && perplexity! < 5000, name);
    const share = figure.blockParams / figures.dense!.blockParams;
    if (name !== 'dense') assert.ok(share <= 0.6 && share > 0.56, `${name} keeps ${share}`);
    assert.ok(
      figure.params - figure.blockParams === figures.dense!.params - figures.dense!.blockParams,
    );
  }
  assert.equal(figures.reformed!.blockParams, block);
  assert.deepEqual(
    exports.map(({ form }) => form),
    ['subnet', 'checkpoint', 'onnx'],
  );
  for (const { form, path, verified } of exports) {
    assert.ok(existsSync(path));
    if (form === 'subnet') continue;
    assert.ok(verified!.maxDifference <= verified!.tolerance && verified!.tokens > 0);
  }
});

test('its log for people says what happened in every stage and generation', () => {
  const lines = readFileSync(join(finished, 'log.txt'), 'utf8').split('\n');
  for (const text of [
    'The run started.',
    'Calibrate finished after',
    'Dense model on the search windows:',
    'Generation 3: best',
    'Reformed: held-out perplexity',
    'ONNX model exported:',
    'The run finished after',
  ]) {
    assert.equal(lines.filter((line) => line.includes(`info: ${text}`)).length, 1, text);
  }
});

test('the dense model is judged on the windows of the search', () => {
  const { events } = readRunEvents(finished);
  const dense = events.flatMap((event) => (event.kind === 'denseEvaluated' ? [event.fitness] : []));
  assert.equal(dense.length, 1);
  // Its KL divergence from itself.
  assert.ok(Math.abs(dense[0]!) < 1e-4, String(dense[0]));
});

test('its log tells each stage once, in order, and can be replayed', () => {
  const { events, damaged } = readRunEvents(finished);
  assert.equal(damaged, 0);
  assert.ok(events.every(({ kind }) => kind !== 'unknown'));
  assert.deepEqual(
    events.map(({ seq }) => seq),
    [...events.keys()],
  );
  const stages = events.flatMap((event) => (event.kind === 'stageFinished' ? [event.stage] : []));
  assert.deepEqual(
    stages,
    stageNames.filter((stage) => stage !== 'sparsify'),
  );
  assert.equal(events[0]!.kind, 'runStarted');
  assert.equal(events.at(-1)!.kind, 'runFinished');
  const [planned] = events.flatMap((event) => (event.kind === 'stagesPlanned' ? [event] : []));
  assert.deepEqual(
    planned!.stages.map(({ stage }) => stage),
    stages,
    'the stages that were planned are those that ran',
  );
  assert.ok(planned!.stages.every(({ ms }) => ms > 0));
  const known = readFileSync(join(finished, 'evaluations.jsonl'), 'utf8').trim().split('\n');
  const evaluated = events.flatMap((event) => (event.kind === 'evaluated' ? [event] : []));
  assert.deepEqual(
    evaluated.map(({ key }) => key),
    known.map((line) => (JSON.parse(line) as { key: string }).key),
  );
  const keys = new Set(evaluated.map(({ key }) => key));
  for (const { parents } of evaluated.filter(({ generation }) => generation > 0)) {
    for (const parent of parents) assert.ok(keys.has(parent), 'a parent that was never told of');
  }
  const summary = summariseRun(finished, 'run');
  assert.ok(summary.kind === 'run' && summary.state === 'finished' && summary.generation === 3);
});

test('the same seed gives the same run, another seed another one', async () => {
  const again = await start(files.config);
  assert.notEqual(again.runFolder, finished);
  assert.deepEqual(artefactsOf(again.runFolder), artefactsOf(finished));
  const other = await start(files.config, { overrides: { seed: 1 } });
  for (const mask of ['random', 'searched']) {
    const read = (run: string): string => readFileSync(join(run, `masks/${mask}.json`), 'utf8');
    assert.notEqual(read(other.runFolder), read(finished), mask);
  }
  assert.equal(readManifest(other.runFolder).seeds['run'], 1);
});

test('resuming a finished run returns its results and changes nothing', async () => {
  const contents = (): unknown =>
    readdirSync(finished, { recursive: true, encoding: 'utf8' })
      .filter((name) => statSync(join(finished, name)).isFile())
      .map((name) => [name, readFileSync(join(finished, name), 'base64')]);
  const old = contents();
  const { figures, exports } = await resume(finished);
  const results = readResults(finished)!;
  assert.deepEqual({ figures, exports }, { figures: results.figures, exports: results.exports });
  assert.deepEqual(contents(), old);
});

test('a run killed between its results and its last word gets that word when resumed', async () => {
  const { runFolder } = await start(files.config);
  const path = join(runFolder, 'events.jsonl');
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  writeFileSync(path, `${lines.slice(0, -1).join('\n')}\n{"kind":"runFin`);
  const told: string[] = [];
  await resume(runFolder, ({ kind }) => told.push(kind));
  assert.deepEqual(told, ['runFinished']);
  const summary = summariseRun(runFolder, 'run');
  assert.ok(summary.kind === 'run' && summary.state === 'finished');
});

for (const [what, wanted] of Object.entries({
  'while it calibrates': { kind: 'stageStarted', stage: 'calibrate' },
  'in the middle of the search': { kind: 'evaluated', stage: null },
  'while it reforms': { kind: 'stageProgress', stage: 'reform' },
  'while it exports': { kind: 'exported', stage: null },
})) {
  test(`a run asked to stop ${what} says so and goes on when resumed`, async () => {
    let stopped = '';
    const run = start(files.config, {
      watch: (event, stop) => {
        if (event.kind === 'runStarted') stopped = event.folder;
        const stage = 'stage' in event ? event.stage : null;
        if (event.kind === wanted.kind && stage === wanted.stage) stop();
      },
    });
    assert.equal((await errorOf(run)).code, 'cancelled');
    assert.equal(readRunEvents(stopped).events.at(-1)!.kind, 'runStopped');
    const summary = summariseRun(stopped, 'run');
    assert.ok(summary.kind === 'run' && summary.state === 'stopped');
    assert.equal(readResults(stopped), undefined);
    await resume(stopped);
    assert.deepEqual(artefactsOf(stopped), artefactsOf(finished));
  });
}

test('a run whose device is gone goes on where it is told to, to an equal end here', async () => {
  let stopped = '';
  const run = start(files.config, {
    watch: (event, stop) => {
      if (event.kind === 'runStarted') stopped = event.folder;
      if (event.kind === 'generationFinished') stop();
    },
  });
  assert.equal((await errorOf(run)).code, 'cancelled');
  const log = join(stopped, 'events.jsonl');
  const text = readFileSync(log, 'utf8');
  assert.ok(text.includes('"device":"cpu"'));
  writeFileSync(log, text.replaceAll('"device":"cpu"', '"device":"dml"'));
  const error = await errorOf(resume(stopped));
  assert.equal(error.code, 'device');
  await resume(stopped, undefined, 'cpu');
  assert.deepEqual(artefactsOf(stopped), artefactsOf(finished));
});

test('a run whose text, model or tokenizer has changed is refused, and goes on with the old ones', async () => {
  const other = await writeTinyRun(join(folder, 'changing'));
  let stopped = '';
  const watch = (event: { kind: string; folder?: string }, stop: () => void): void => {
    if (event.kind === 'runStarted') stopped = event.folder!;
    if (event.kind === 'generationFinished') stop();
  };
  assert.equal((await errorOf(start(other.config, { watch }))).code, 'cancelled');
  const weights = join(other.model, 'model.safetensors');
  for (const [path, word] of [
    [other.text, 'text'],
    [weights, 'model'],
    [join(other.model, 'tokenizer.json'), 'tokenizer'],
  ] as const) {
    const old = readFileSync(path);
    writeFileSync(path, changed(old, word));
    const error = await errorOf(resume(stopped));
    assert.equal(error.code, 'run');
    assert.match(error.message, new RegExp(`has changed: .*\\b${word}\\b`));
    writeFileSync(path, old);
  }
  appendFileSync(other.config, ' // a comment; the run has its own copy\n');
  await resume(stopped);
  // The subnet config alone names the folder of the model.
  assert.deepEqual(
    { ...artefactsOf(stopped), subnet: null },
    { ...artefactsOf(finished), subnet: null },
  );
});

/** One bit of the last weight, one letter of the text, one merge of the tokenizer. */
function changed(old: Buffer, word: string): Buffer {
  if (word === 'tokenizer') return Buffer.from(String(old).replace('o n', 'n o'));
  const bytes = Buffer.from(old);
  bytes[bytes.length - 3]! ^= 1;
  return bytes;
}
