import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { estimateRun } from '../../src/engine/pipeline/estimateRun.ts';
import type { RunOutcome } from '../../src/protocol/engineApi.ts';
import type { RunConfig } from '../../src/protocol/runConfig.ts';
import type { RunEvent } from '../../src/protocol/runEvent.ts';
import { errorOf, resume, start, temporaryFolder } from './inProcess.ts';
import { type TinyRun, writeConfig, writeTinyRun } from './tinyRun.ts';

const folder = temporaryFolder();
let files: TinyRun;
before(async () => {
  files = await writeTinyRun(join(folder, 'llama'), {}, { hidden: 48 });
});

type Quantise = NonNullable<NonNullable<RunConfig['export']>['quantise']>;

function configured(quantise: Quantise, changes: Partial<RunConfig> = {}): void {
  writeConfig(files.config, {
    ...{ search: { enabled: false }, export: { quantise, groupSize: 16, dtype: 'float32' } },
    ...changes,
  });
}

function onnxOf({ exports }: RunOutcome): RunOutcome['exports'][number] {
  return exports.find(({ form }) => form === 'onnx')!;
}

for (const quantise of ['int4', 'int8'] as const) {
  test(`a run with ${quantise} ends with a row of integers and exports that decoder`, async () => {
    configured(quantise);
    const told: RunEvent[] = [];
    const outcome = await start(files.config, { watch: (event) => told.push(event) });
    const { quantised, reformed } = outcome.figures;
    const onnx = onnxOf(outcome);
    assert.equal(quantised!.blockParams, reformed!.blockParams);
    assert.notEqual(quantised!.perplexity, reformed!.perplexity);
    assert.ok(Math.abs(quantised!.perplexity! / reformed!.perplexity! - 1) < 0.1);
    assert.ok(quantised!.bytes < reformed!.bytes);
    assert.equal(onnx.bytes, quantised!.bytes);
    assert.equal(onnx.prefillMs, quantised!.prefillMs);
    assert.equal(onnx.decodeMs, quantised!.decodeMs);
    assert.ok(onnx.verified!.maxDifference < onnx.verified!.tolerance);
    const readme = readFileSync(join(outcome.runFolder, 'export/onnx/README.md'), 'utf8');
    assert.match(readme, new RegExp(`${quantise.slice(3)}-bit integers.*16 neighbouring`));
    assert.match(readme, /com\.microsoft\.MatMulNBits/);
    const logs = told.flatMap((event) => (event.kind === 'log' ? [event.text] : []));
    assert.ok(logs.some((text) => /embedding and head stay/.test(text)));
    const rows = told.flatMap((event) => (event.kind === 'figure' ? [event.name] : []));
    assert.equal(rows.at(-1), 'quantised');
  });
}

test('a run stopped after its table, and before, exports the same integers', async () => {
  configured('int4');
  const whole = await start(files.config);
  for (const stage of ['evaluate', 'export'] as const) {
    let runFolder = '';
    const stopped = await errorOf(
      start(files.config, {
        watch: (event, stop) => {
          if (event.kind === 'stageStarted' && event.stage === stage) stop();
        },
      }),
    );
    assert.equal(stopped.code, 'cancelled');
    runFolder = newest();
    const outcome = await resume(runFolder);
    assert.equal(outcome.figures.quantised!.perplexity, whole.figures.quantised!.perplexity);
    for (const name of ['model.onnx', 'model.onnx.data']) {
      const [one, two] = [whole, outcome].map((run) =>
        readFileSync(join(run.runFolder, 'export/onnx', name)),
      );
      assert.ok(one!.equals(two!), `${stage}: ${name}`);
    }
  }
});

test('integers of a sparse subnet take less than its floats, and the checkpoint stays as it was', async () => {
  configured('int4', { sparsify: { method: 'wanda', pattern: '50%', scope: 'all' } });
  const { figures, exports } = await start(files.config);
  assert.ok(figures.quantised!.bytes < figures.sparse!.bytes);
  assert.ok(exports.some(({ form, verified }) => form === 'checkpoint' && verified !== null));
});

test('a group that is no power of two is refused before any work', async () => {
  writeConfig(files.config, { export: { quantise: 'int4', groupSize: 48 } });
  const before = newest();
  const error = await errorOf(start(files.config));
  assert.equal(error.code, 'config');
  assert.match(error.message, /groupSize.*power of two/s);
  assert.equal(newest(), before);
});

function newest(): string {
  const runs = readdirSync(files.runs).filter((name) => !name.startsWith('.'));
  const times = runs.map((name) => [statSync(join(files.runs, name)).birthtimeMs, name] as const);
  return join(files.runs, times.sort(([a], [b]) => a - b).at(-1)![1]);
}

test('an estimate expects fewer bytes of narrower integers', async () => {
  const needed = async (quantise: Quantise): Promise<number> => {
    configured(quantise, { sparsify: { method: 'none' } });
    const report = await estimateRun(files.config, new AbortController().signal);
    return report.disk.neededBytes;
  };
  const [floats, four, eight] = [await needed('none'), await needed('int4'), await needed('int8')];
  // Each run also writes the decoder once to time it, so only the two widths compare.
  assert.ok(four < eight, `${four} of ${eight}`);
  assert.ok(eight < 1.5 * floats);
});
