import { ModelWeights } from '../../src/engine/checkpoint/modelWeights.ts';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { evaluateModel } from '../../src/engine/pipeline/evaluateModel.ts';
import { makeTemporaryFolder } from '../../src/engine/pipeline/temporaryFolder.ts';
import type { EvaluationReport } from '../../src/protocol/engineApi.ts';
import { comparableKey } from '../../src/protocol/comparableKey.ts';
import type { RunEvent } from '../../src/protocol/runEvent.ts';
import { isDenseTiming } from '../../src/protocol/speedChange.ts';
import { errorOf, start, temporaryFolder } from './inProcess.ts';
import { type TinyRun, writeTinyRun } from './tinyRun.ts';
import { tinyWeights, writeTinyModel } from '../fixtures/tinyModel.ts';

const windows = process.platform === 'win32' && 'Windows has no such limits';
const folder = temporaryFolder();
let files: TinyRun;

before(async () => {
  files = await writeTinyRun(join(folder, 'run'), { search: { enabled: false } });
});

function evaluate(path: string, watch?: (event: RunEvent) => void): Promise<EvaluationReport> {
  const request = { path, text: files.text, context: 32, maxWindows: 4, device: 'cpu' } as const;
  const signal = new AbortController().signal;
  return evaluateModel(request, { signal, emit: (event) => watch?.(event) });
}

describe('an evaluation', () => {
  test('says what it was made on, and what it compares with', async () => {
    const { runFolder, figures } = await start(files.config);
    const dense = await evaluate(files.model);
    const { evaluatedOn: on } = dense;
    assert.deepEqual([on.context, on.windows, on.tokens, on.share], [32, 4, 4 * 31, 1]);
    assert.ok(isDenseTiming(dense.timing!));
    const subnet = await evaluate(join(runFolder, 'export', 'subnet.json'));
    assert.equal(comparableKey(subnet.evaluatedOn), comparableKey(on), 'a subnet and its model');
    assert.ok(!isDenseTiming(subnet.timing!), 'timed beside the dense model');
    const own = figures.dense!.evaluatedOn!;
    assert.deepEqual([own.model, own.tokenizer, own.text], [on.model, on.tokenizer, on.text]);
    assert.equal(own.share, 0.1, 'the run held out the end of the same text');
    assert.notEqual(comparableKey(own), comparableKey(on));
    const keys = Object.values(figures).flatMap((figure) =>
      figure === null ? [] : [comparableKey(figure.evaluatedOn)],
    );
    assert.deepEqual([...new Set(keys)], [comparableKey(own)], 'rows of a run compare');
    const sliced = await evaluate(join(runFolder, 'export', 'checkpoint'));
    assert.equal(sliced.timing!.ratio, null, 'its dense model is not at hand');
    assert.notEqual(comparableKey(sliced.evaluatedOn), comparableKey(on));
    assert.ok(Math.abs(sliced.lossNats - subnet.lossNats) < 1e-5);
  });

  test('of a model whose perplexity is infinite tells its loss', async () => {
    const loud = join(folder, 'loud');
    const weights = tinyWeights({ tied: false });
    await writeTinyModel(
      loud,
      { tied: false },
      new ModelWeights({ ...weights, head: weights.head.map((value) => 3000 * value) }),
    );
    const events: RunEvent[] = [];
    const report = await evaluate(loud, (event) => events.push(event));
    assert.equal(report.perplexity, null);
    assert.ok(report.lossNats > 709.8 && report.lossNats < 1e5, String(report.lossNats));
    assert.equal(report.notMeasured, null);
    assert.match(JSON.stringify(events), /Perplexity infinite \(mean loss /);
  });
});

describe('the temporary folder', () => {
  const known = process.env['TMPDIR'];
  // The programs run from source here, and their loader would keep what it compiled there.
  process.env['TSX_DISABLE_CACHE'] = '1';
  after(() => {
    restore();
  });
  function restore(): void {
    if (known === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = known;
  }

  for (const [name, make] of [
    ['that is not there', () => join(folder, 'none')],
    ['that is no folder', plainFile],
    ['that cannot be written', readOnlyFolder],
  ] as const) {
    const skip = make === readOnlyFolder && windows;
    test(`${name} costs the times, not the perplexity`, { skip }, async () => {
      const whole = await evaluate(files.model);
      process.env['TMPDIR'] = make();
      try {
        expectOnlyTimesMissing(await evaluate(files.model), whole);
      } finally {
        restore();
      }
    });
  }

  test('that is full costs the times, not the perplexity', { skip: windows }, async () => {
    const whole = await evaluate(files.model);
    const temporary = join(folder, 'full');
    mkdirSync(temporary);
    const program = join(import.meta.dirname, '..', 'fakes', 'evaluateMain.ts');
    const command = `ulimit -f 16; exec "${process.execPath}" --import tsx "${program}" "${files.model}" "${files.text}"`;
    const { stdout, stderr } = spawnSync('sh', ['-c', command], {
      ...{ encoding: 'utf8', env: { ...process.env, TMPDIR: temporary } },
    });
    const report = JSON.parse(stdout || stderr) as EvaluationReport;
    expectOnlyTimesMissing(report, whole);
    assert.match(report.notMeasured!.what, /model\.onnx\.data$/);
    assert.deepEqual(foldersIn(temporary), [], 'the unfinished decoder is removed');
  });

  test('keeps nothing of an evaluation, even of one that was killed', async () => {
    const temporary = join(folder, 'temporary');
    mkdirSync(temporary);
    process.env['TMPDIR'] = temporary;
    try {
      const abandoned = abandonedFolder();
      assert.ok(existsSync(abandoned));
      const foreign = join(temporary, 'subnet-evaluate-other');
      mkdirSync(foreign);
      const mine = makeTemporaryFolder();
      assert.ok(!existsSync(abandoned), 'its process is gone');
      await evaluate(files.model);
      assert.deepEqual(
        foldersIn(temporary),
        [foreign, mine].sort(),
        'one of a living process stays',
      );
    } finally {
      restore();
    }
  });
});

test('a text that is missing is told before the model is loaded', async () => {
  const request = { path: files.model, text: join(folder, 'no.txt'), context: 32 };
  const { signal } = new AbortController();
  const error = await errorOf(evaluateModel(request, { signal, emit: () => undefined }));
  assert.equal(error.code, 'text');
});

function expectOnlyTimesMissing(report: EvaluationReport, whole: EvaluationReport): void {
  assert.equal(report.perplexity, whole.perplexity);
  assert.equal(report.params, whole.params);
  const { bytes, prefillMs, decodeMs, timing, peakBytes } = report;
  assert.deepEqual([bytes, prefillMs, decodeMs, timing, peakBytes], Array(5).fill(null));
  assert.match(report.notMeasured!.action, /TMPDIR/);
}

function plainFile(): string {
  const path = join(folder, 'file');
  writeFileSync(path, '');
  return path;
}

function readOnlyFolder(): string {
  // Permissions do not bind root, but nobody makes folders in a file system of the kernel's own.
  if (process.getuid?.() === 0 && process.platform === 'linux') return '/sys';
  const path = join(folder, 'readOnly');
  mkdirSync(path, { mode: 0o555 });
  return path;
}

/** Folders of evaluations, sorted. */
function foldersIn(temporary: string): string[] {
  return readdirSync(temporary)
    .filter((entry) => entry.startsWith('subnet-evaluate-'))
    .map((entry) => join(temporary, entry))
    .sort();
}

/** A folder whose process ended without removing it. */
function abandonedFolder(): string {
  const module = new URL('../../src/engine/pipeline/temporaryFolder.ts', import.meta.url).href;
  const program = `import { makeTemporaryFolder } from '${module}'; console.log(makeTemporaryFolder());`;
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '-e', program],
    { encoding: 'utf8' },
  );
  assert.notEqual(stdout, '', stderr);
  return stdout.trim();
}
