import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ComparisonTable } from '../../src/protocol/comparisonTable.ts';
import type { EngineContext, ExportForm, RunOutcome } from '../../src/protocol/engineApi.ts';
import { EngineError, throwIfAborted } from '../../src/protocol/errors.ts';
import { eventStamper } from '../../src/protocol/runEvent.ts';
import type { Figure } from '../../src/protocol/runRecord.ts';
import type { Pipeline } from '../../src/server/handlers.ts';
import { serveEngine } from '../../src/server/serveEngine.ts';
import type { Timing } from '../../src/protocol/timing.ts';

// An engine process whose behaviour is chosen by the name of the "config", for tests of the
// process boundary: the real client, the real connection, no model.

const device = {
  device: 'cpu',
  ok: true,
  chosen: true,
  reason: 'The only one.',
  gflops: 100,
  threads: 2,
};

const hashes = { tokenizer: 'k', model: 'm' };
/** A loss whose perplexity float64 cannot hold. */
const loud = { perplexity: null, lossNats: 1234.5 };
const timing: Timing = {
  takenMs: Date.UTC(2026, 11, 1, 12),
  device: 'cpu',
  threads: 2,
  rounds: 15,
  promptTokens: 256,
  decodedTokens: 16,
  prefill: { lower: 0.9, upper: 1.2 },
  decode: { lower: 0.1, upper: 0.1 },
  ratio: {
    prefill: { median: 0.5, low: 0.45, high: 0.6 },
    decode: { median: 0.9, low: 0.7, high: 1.1 },
  },
};
const measured = {
  bytes: 2000,
  prefillMs: 1,
  decodeMs: 0.1,
  timing,
  peakBytes: 5_000_000,
  notMeasured: null,
};
const nothingMeasured = {
  bytes: null,
  prefillMs: null,
  decodeMs: null,
  timing: null,
  peakBytes: null,
  notMeasured: {
    what: 'model.onnx.data',
    expected: 'a file that can be read and written',
    found: 'a full disk',
    action: 'Free space.',
    sentence: 'The disk is full: model.onnx.data could not be written.',
  },
};

const pipeline: Pipeline = {
  startRun: (configPath, context, overrides) =>
    behave(configPath, context, overrides?.out ?? join(configPath, '..')),
  resumeRun: (runFolder, context) => behave(runFolder, context, runFolder),
  evaluateModel: ({ path, text, context }) =>
    Promise.resolve({
      path,
      text,
      tokens: 2047,
      windows: 1,
      context,
      ...(path.includes('loud') ? loud : { perplexity: 12.5, lossNats: Math.log(12.5) }),
      evaluatedOn: { text: 't', share: 1, context, windows: 1, tokens: 2047, ...hashes },
      params: 1000,
      blockParams: 500,
      ...(path.includes('full') ? nothingMeasured : measured),
      device,
    }),
  exportRun: ({ path, forms }) =>
    path.includes('mismatch')
      ? Promise.reject(
          new EngineError('verify', {
            what: 'model.onnx',
            expected: 'logits within 0.001 of the search-time model',
            found: 'a difference of 0.5',
            action: 'Report this.',
            sentence: 'model.onnx differs from the searched model: a logit by 0.5.',
          }),
        )
      : Promise.resolve(forms.map((form) => exported(form, path))),
  workOnSubnet: ({ key }) =>
    Promise.resolve({ key, figure: figure(21, 700_000), reformed: null, exports: [] }),
  compareMethods: ({ configPath }, context) => compare(configPath, context),
  estimateRun: () => Promise.reject(new Error('the stand-in estimates nothing')),
  inspectModel: (path) =>
    Promise.resolve({
      path,
      family: 'llama',
      layers: 2,
      hidden: 8,
      heads: 4,
      kvHeads: 2,
      headDim: 2,
      intermediate: 16,
      vocab: 32,
      maxPositions: 64,
      dtype: 'float16',
      params: 1000,
      blockParams: 600,
      bytes: 2000,
      parts: [
        { name: 'mlp', units: 16, params: 400, prunable: true, reason: 'Neurons are independent.' },
        { name: 'embedding', units: 0, params: 400, prunable: false, reason: 'It stays whole.' },
      ],
      notes: [],
    }),
  listDevices: () => Promise.resolve([device]),
};

async function behave(path: string, context: EngineContext, root: string): Promise<RunOutcome> {
  const stamp = eventStamper(Date.now);
  const runFolder = join(root, 'stand-in');
  mkdirSync(runFolder, { recursive: true });
  context.emit(
    stamp({ kind: 'runStarted', id: 'stand-in', folder: runFolder, resumed: path === root }),
  );
  // Before the event that a test waits for, so that it has spoken when it is killed.
  if (path.includes('noisy')) console.error('a native library speaks');
  context.emit(stamp({ kind: 'stageStarted', stage: 'search' }));
  if (path.includes('crash')) {
    console.error('terminate called after throwing an instance of Something');
    await sleep(20);
    process.abort();
  }
  if (path.includes('exit')) process.exit(7);
  if (path.includes('bug')) throw new TypeError('undefined is not a subnet');
  if (path.includes('broken')) {
    throw new EngineError('config', {
      what: 'a.subnet.jsonc:2:10 "ratio"',
      expected: 'a number above 0 and at most 1',
      found: '7',
      action: 'Correct the config.',
      sentence: 'a.subnet.jsonc:2:10: "ratio" must be a number above 0 and at most 1, not 7.',
    });
  }
  if (path.includes('hang')) {
    // What was told before a blocking call only leaves when the event loop turns once more.
    await sleep(20);
    for (;;);
  }
  while (path.includes('slow') && context.finishSearch?.aborted !== true) {
    throwIfAborted(context.signal);
    await sleep(5);
  }
  for (let generation = 0; generation < 3; generation++) {
    context.emit(
      stamp({
        kind: 'generationFinished',
        generation,
        best: 20 - generation,
        median: 25,
        quartiles: [22, 30],
        survivors: [],
        ms: 5,
      }),
    );
    const [done, total] = [generation + 1, 3];
    context.emit(stamp({ kind: 'stageProgress', stage: 'search', done, total, etaMs: 1000 }));
  }
  context.emit(stamp({ kind: 'stageFinished', stage: 'search', ms: 15 }));
  appendFileSync(join(runFolder, 'log.txt'), 'done\n');
  return {
    runFolder,
    figures: {
      dense: figure(10, 1_000_000),
      random: figure(80, 700_000),
      initialised: figure(30, 700_000),
      searched: figure(20, 700_000),
      reformed: figure(12, 700_000),
      sparse: null,
      quantised: null,
    },
    exports: [exported('checkpoint', runFolder), exported('onnx', runFolder)],
    reforms: {},
  };
}

const one = { median: 1, low: 1, high: 1 };
const asLong = { prefill: one, decode: one };

function figure(perplexity: number, params: number): Figure {
  const [prefillMs, decodeMs] = [params / 10_000, params / 100_000];
  return {
    params,
    blockParams: params / 2,
    perplexity,
    bytes: params * 2,
    prefillMs,
    decodeMs,
    peakBytes: null,
    timing: { ...timing, ratio: params === 1_000_000 ? asLong : timing.ratio },
  };
}

/** A comparison of four rows, one of them left out; a "slow" one is stopped after the first. */
async function compare(configPath: string, context: EngineContext): Promise<ComparisonTable> {
  const stamp = eventStamper(Date.now);
  const rows = [
    { ...compared('dense', 24), pattern: 'dense', scope: 'all', nonzeroFraction: 1 } as const,
    compared('wanda', 26.2),
    compared('dass', 25.8),
  ];
  const folder = join(configPath, '..');
  context.emit(stamp({ kind: 'comparisonStarted', folder, total: 4 }));
  for (const [i, row] of rows.entries()) {
    const etaMs = (3 - i) * 1000;
    context.emit(stamp({ kind: 'compared', row, done: i + 1, total: 4, etaMs }));
    while (configPath.includes('slow')) {
      throwIfAborted(context.signal);
      await sleep(5);
    }
  }
  context.emit(stamp({ kind: 'compared', row: null, done: 4, total: 4, etaMs: 0 }));
  return {
    ...{ schemaVersion: 1, name: 'stand-in', configPath, model: 'model', device: 'CPU', seed: 0 },
    ...{ startedMs: 1, updatedMs: 2, state: 'finished', blockParams: 600, total: 4, rows },
    heldout: { windows: 1, tokens: 64 },
    calibration: { windows: 1, tokens: 64 },
    leftOut: [
      { method: 'ours', pattern: '2:4', scope: 'mlp', why: 'The MLP of this model has no gate.' },
    ],
  };
}

function compared(method: string, perplexity: number) {
  const sizes = { params: 300, nonzeroFraction: 0.5, seconds: 1.5 };
  return { method, pattern: '2:4', scope: 'mlp', seed: 0, perplexity, ...sizes } as const;
}

function exported(form: ExportForm, path: string) {
  const verified = {
    ...{ maxDifference: 0.0001, tolerance: 0.004, largestLogit: 20, klNats: 1e-11 },
    ...{ klTolerance: 1e-7, lossDifferenceNats: 0, lossTolerance: 1e-3, tokens: 64 },
    ...{ rounding: { klNats: 2e-6, lossDifferenceNats: 0 }, activations: null },
  };
  return {
    form,
    path: join(path, form),
    bytes: 1400,
    verified,
    loadable: null,
    prefillMs: 1,
    decodeMs: 0.1,
  };
}

serveEngine(() => Promise.resolve(pipeline), '0.0.0-stand-in');
