import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { exportRun } from '../../src/engine/pipeline/exportRun.ts';
import type { ExportForm } from '../../src/protocol/engineApi.ts';
import { errorOf, resume, start, temporaryFolder } from './inProcess.ts';
import { type TinyRun, writeTinyRun } from './tinyRun.ts';

const folder = temporaryFolder();
const SHORT = { search: { enabled: false } };
const GENERATION = '{"max_new_tokens": 7}';
let good: TinyRun;
let finished: string;

before(async () => {
  good = await madeRun('good');
  finished = (await start(good.config)).runFolder;
});

async function madeRun(name: string): Promise<TinyRun> {
  const run = await writeTinyRun(join(folder, name), SHORT);
  writeFileSync(join(run.model, 'generation_config.json'), GENERATION);
  return run;
}

function exportAgain(out: string, forms: readonly ExportForm[]): ReturnType<typeof exportRun> {
  const context = { signal: new AbortController().signal, emit: () => undefined };
  return exportRun({ path: finished, forms: [...forms], out: join(folder, out) }, context);
}

test('what an export takes along is what was read at the start of its run', async () => {
  const run = await madeRun('replaced');
  const tokenizer = readFileSync(join(run.model, 'tokenizer.json'));
  const { runFolder } = await start(run.config, {
    watch: (event) => {
      if (event.kind !== 'stageFinished' || event.stage !== 'import') return;
      writeFileSync(join(run.model, 'tokenizer.json'), '{}');
      writeFileSync(join(run.model, 'chat_template.jinja'), 'added');
      rmSync(join(run.model, 'generation_config.json'));
    },
  });
  const written = (name: string): Buffer =>
    readFileSync(join(runFolder, 'export/checkpoint', name));
  assert.deepEqual(written('tokenizer.json'), tokenizer);
  assert.equal(written('generation_config.json').toString(), GENERATION);
  assert.throws(() => written('chat_template.jinja'));
});

test('a resumed run names the companion that is another, gone or new', async () => {
  const changes: Record<string, (model: string) => void> = {
    'generation_config.json': (model) => rmSync(join(model, 'generation_config.json')),
    'chat_template.jinja': (model) => writeFileSync(join(model, 'chat_template.jinja'), 'added'),
    'tokenizer_config.json': (model) => writeFileSync(join(model, 'tokenizer_config.json'), '{}'),
  };
  for (const [name, change] of Object.entries(changes)) {
    const run = await madeRun(`stopped-${name}`);
    let runFolder = '';
    const stopped = start(run.config, {
      watch: (event, stop) => {
        if (event.kind === 'runStarted') runFolder = event.folder;
        if (event.kind === 'stageStarted' && event.stage === 'reform') stop();
      },
    });
    assert.equal((await errorOf(stopped)).code, 'cancelled');
    change(run.model);
    const error = await errorOf(resume(runFolder));
    assert.equal(error.code, 'run');
    assert.ok(error.message.includes(name), error.message);
  }
});

test('a finished run is exported again only with the companions it read', async () => {
  const path = join(good.model, 'generation_config.json');
  writeFileSync(join(good.model, 'chat_template.jinja'), 'added later');
  // What the run has written would be copied.
  rmSync(join(finished, 'export', 'checkpoint'), { recursive: true });
  const reports = await exportAgain('same', ['checkpoint']);
  const report = reports.find(({ form }) => form === 'checkpoint');
  const written = (name: string): string => readFileSync(join(report!.path, name), 'utf8');
  assert.equal(written('generation_config.json'), GENERATION);
  assert.throws(() => written('chat_template.jinja'));
  for (const change of [() => writeFileSync(path, '{}'), () => rmSync(path)]) {
    change();
    const error = await errorOf(exportAgain('changed', ['checkpoint']));
    assert.equal(error.code, 'checkpoint');
    assert.match(error.message, /generation_config\.json/);
  }
  // A decoder takes none of them along.
  rmSync(join(finished, 'export', 'onnx'), { recursive: true });
  const decoder = await exportAgain('decoder', ['onnx']);
  assert.deepEqual(
    decoder.map(({ form }) => form),
    ['subnet', 'onnx'],
  );
});
