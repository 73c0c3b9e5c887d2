import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import {
  hasSparsity,
  readSparsity,
  weightPattern,
} from '../../src/dashboard/reader/runSparsity.ts';
import { estimateRun } from '../../src/engine/pipeline/estimateRun.ts';
import { evaluateModel } from '../../src/engine/pipeline/evaluateModel.ts';
import { exportRun } from '../../src/engine/pipeline/exportRun.ts';
import { loadSubnet } from '../../src/engine/pipeline/loadCandidate.ts';
import { sliceLinear } from '../../src/engine/graphs/keptRows.ts';
import { blockOf } from '../../src/engine/model/block.ts';
import { rowsOf } from '../../src/engine/model/rows.ts';
import type { RunOutcome } from '../../src/protocol/engineApi.ts';
import type { RunConfig } from '../../src/protocol/runConfig.ts';
import type { RunEvent } from '../../src/protocol/runEvent.ts';
import type { MapName } from '../../src/protocol/sparsityRecord.ts';
import { errorOf, start, temporaryFolder } from './inProcess.ts';
import { type TinyChanges, type TinyRun, writeConfig, writeTinyRun } from './tinyRun.ts';
import { inMemory } from '../fixtures/inMemory.ts';

const folder = temporaryFolder();
const { signal } = new AbortController();
const context = { signal, emit: () => undefined };
let llama: TinyRun;
let opt: TinyRun;

before(async () => {
  llama = await writeTinyRun(join(folder, 'llama'));
  opt = await writeTinyRun(join(folder, 'opt'), {}, { family: 'opt' });
});

type Sparsify = NonNullable<RunConfig['sparsify']>;
const OURS: Sparsify = { method: 'ours', pattern: '2:4', scope: 'all' };

async function outcomeOf(
  changes: TinyChanges,
  run = llama,
): Promise<RunOutcome & { readonly events: readonly RunEvent[] }> {
  writeConfig(run.config, changes);
  const events: RunEvent[] = [];
  const outcome = await start(run.config, { watch: (event) => events.push(event) });
  return { ...outcome, events };
}

function stagesOf(events: readonly RunEvent[]): string[] {
  return events.flatMap((event) => (event.kind === 'stageFinished' ? [event.stage] : []));
}

describe('a run that searches and then puts zeros into what is left', () => {
  let outcome: Awaited<ReturnType<typeof outcomeOf>>;
  before(async () => {
    outcome = await outcomeOf({ sparsify: OURS });
  });

  it('tells the stage, its progress and every block, and measures the sparse row by itself', () => {
    const { events, figures } = outcome;
    assert.deepEqual(stagesOf(events), [
      ...['import', 'calibrate', 'score', 'search', 'reform', 'sparsify', 'evaluate', 'export'],
    ]);
    const blocks = events.flatMap((event) => (event.kind === 'blockSparsified' ? [event] : []));
    assert.deepEqual(
      blocks.map(({ block }) => block),
      [0, 1, 2],
    );
    const { sparse, reformed, searched } = figures;
    assert.equal(sparse!.blockParams, reformed!.blockParams);
    assert.notEqual(sparse!.perplexity, reformed!.perplexity);
    assert.equal(reformed!.prefillMs, searched!.prefillMs);
    assert.notEqual(sparse!.prefillMs, reformed!.prefillMs);
    assert.ok(
      events.some((event) => event.kind === 'log' && /zeros like any other/.test(event.text)),
    );
  });

  it('keeps a record whose bits, counts and histograms are those of the exported weights', async () => {
    const { runFolder, events } = outcome;
    const { method, pattern, scope, maps } = readSparsity(runFolder);
    assert.deepEqual({ method, pattern, scope }, OURS);
    const { bench, candidate } = await loadSubnet(subnetFile(runFolder), 'cpu', { signal });
    await bench.release();
    const told = events.flatMap((event) =>
      event.kind === 'blockSparsified'
        ? event.maps.map((map) => ({ block: event.block, ...map }))
        : [],
    );
    assert.deepEqual(
      maps.map(({ block, map, kept, rows, columns }) => ({
        ...{ block, map, kept, size: rows * columns },
      })),
      told,
    );
    for (const { block, map, rows, columns, kept, error, scores, along } of maps) {
      const { bits, ...size } = weightPattern(runFolder, block, map);
      assert.deepEqual(size, { rows, columns });
      const weight = await exported(candidate, block, map);
      assert.equal(weight.length, rows * columns);
      let [ones, nonzero] = [0, 0];
      for (let i = 0; i < weight.length; i++) {
        const [row, c] = [Math.floor(i / columns), i % columns];
        const bit = (bits[row * Math.ceil(columns / 8) + (c >> 3)]! >> (c & 7)) & 1;
        ones += bit;
        nonzero += Number(weight[i] !== 0);
        assert.ok(bit === 1 || weight[i] === 0);
      }
      assert.equal(ones, kept);
      assert.ok(nonzero > 0.99 * kept);
      assert.ok(error !== null && error.after <= error.before * (1 + 1e-9));
      assert.equal(along, map === 'gate' || map === 'up' ? 'outputs' : 'inputs');
      const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
      assert.deepEqual([sum(scores!.kept), sum(scores!.removed)], [kept, rows * columns - kept]);
      assert.equal(scores!.kept.length, 64);
    }
  });

  it('exports the sparse model, which subnet.json gives back, also without its weights', async () => {
    const { runFolder, figures } = outcome;
    const path = subnetFile(runFolder);
    const request = { path, text: llama.text, context: 32, maxWindows: 12, device: 'cpu' } as const;
    const file = join(runFolder, 'export/reformed.safetensors');
    const bytes = readFileSync(file);
    assert.deepEqual(bytes, readFileSync(join(runFolder, 'stages/sparse.safetensors')));
    const checkpoint = join(runFolder, 'export/checkpoint/model.safetensors');
    const [first, again] = [readFileSync(checkpoint), join(folder, 'again')];
    const forms = ['checkpoint', 'onnx'] as const;
    await exportRun({ path, forms, out: again }, context);
    assert.deepEqual(readFileSync(join(again, 'checkpoint/model.safetensors')), first);
    const whole = await evaluateModel(request, context);
    const sliced = await evaluateModel({ ...request, path: join(again, 'checkpoint') }, context);
    assert.ok(Math.abs(whole.perplexity! / sliced.perplexity! - 1) < 1e-5);
    assert.equal(whole.params, figures.sparse!.params);
    const before = await loadSubnet(path, 'cpu', { signal });
    rmSync(file);
    const after = await loadSubnet(path, 'cpu', { signal });
    const made = [after, before].map(({ candidate }) => inMemory(candidate.weights));
    const [now, then] = await Promise.all(made);
    assert.deepEqual(now!.layers, then!.layers);
    await before.bench.release();
    await after.bench.release();
  });
});

describe('a run of ratio 1 that puts zeros into weights', () => {
  it('searches and refits nothing, and shows no model twice', async () => {
    const { events, figures, runFolder, exports } = await outcomeOf({ ratio: 1, sparsify: OURS });
    const stages = ['import', 'sparsify', 'evaluate', 'export'];
    assert.deepEqual(stagesOf(events), stages);
    const rows = Object.entries(figures).flatMap(([name, figure]) =>
      figure === null ? [] : [name],
    );
    assert.deepEqual(rows, ['dense', 'sparse']);
    assert.equal(figures.sparse!.params, figures.dense!.params);
    assert.ok(figures.sparse!.perplexity! > 1);
    assert.deepEqual(
      exports.map(({ form }) => form),
      ['subnet', 'checkpoint', 'onnx', 'compressed'],
    );
    const onnx = exports.find(({ form }) => form === 'onnx')!;
    assert.equal(onnx.decodeMs, figures.sparse!.decodeMs);
    assert.ok(!existsSync(join(runFolder, 'stages/calibrate.json')));
    const estimate = await estimateRun(llama.config, signal);
    assert.deepEqual(
      estimate.stages.map(({ stage }) => stage),
      stages,
    );
    assert.equal(estimate.candidates, 0);
    assert.ok(estimate.warnings.some((text) => text.includes('zeros like any other')));
    assert.ok(!estimate.warnings.some((text) => text.includes('nothing to search')));
  });

  it('has no histogram of scores that change, and no error of what was not refitted', async () => {
    const sparsify = { method: 'sparsegpt', pattern: '50%' } as const;
    const { runFolder, figures } = await outcomeOf({ ratio: 1, sparsify }, opt);
    const { maps, scope } = readSparsity(runFolder);
    assert.equal(scope, 'mlp');
    assert.deepEqual(
      maps.map(({ map }) => map),
      Array.from({ length: 3 }, () => ['up', 'down']).flat(),
    );
    for (const { scores, error, along } of maps) {
      assert.deepEqual({ scores, error, along }, { scores: null, error: null, along: 'inputs' });
    }
    assert.ok(figures.sparse!.perplexity! > 1);
  });

  it('uses the exponent of the config', async () => {
    const sparsify = { method: 'dass', pattern: '1:4' } as const;
    const bits: string[] = [];
    for (const alpha of [0, 0.5, 2]) {
      const { runFolder } = await outcomeOf({ ratio: 1, sparsify: { ...sparsify, alpha } });
      bits.push(readFileSync(join(runFolder, 'masks/sparse.bits'), 'hex'));
    }
    assert.equal(new Set(bits).size, 3);
  });
});

describe('a run without zeros', () => {
  it('has no such stage, row or record', async () => {
    const { events, figures, runFolder } = await outcomeOf({});
    assert.ok(!stagesOf(events).includes('sparsify'));
    assert.equal(figures.sparse, null);
    assert.ok(!hasSparsity(runFolder));
  });
});

describe('zeros are refused before any work', () => {
  const rows: Record<string, [Sparsify, RegExp, TinyChanges?]> = {
    'a group that does not divide the width of the model': [
      { ...OURS, pattern: '2:5' },
      /groups of 5 do not divide its 32 weights/,
    ],
    'a group that does not divide the neurons, where all are kept': [
      { method: 'dass', pattern: '2:6' },
      /groups of 6 do not divide its 64 weights/,
      { ratio: 1 },
    ],
    'as many kept as there are': [{ ...OURS, pattern: '4:4' }, /1 ≤ N < M/],
    'more kept than there are': [{ ...OURS, pattern: '6:4' }, /1 ≤ N < M/],
    'a share of nothing': [{ ...OURS, pattern: '0%' }, /between 0% and 100%/],
    'a share of everything': [{ ...OURS, pattern: '100%' }, /between 0% and 100%/],
    'a pattern that is none': [{ ...OURS, pattern: 'half' }, /"half"/],
  };
  for (const [name, [sparsify, says, more]] of Object.entries(rows)) {
    it(name, async () => {
      await checkRefused(llama, { sparsify, ...more }, says);
    });
  }

  it('DaSS without a gate, with what to use instead', async () => {
    const sparsify = { method: 'dass', pattern: '2:4' } as const;
    await checkRefused(opt, { sparsify }, /Use "wanda" or "sparsegpt"/);
  });

  async function checkRefused(run: TinyRun, changes: TinyChanges, says: RegExp): Promise<void> {
    writeConfig(run.config, changes);
    const events: RunEvent[] = [];
    const errors = [
      await errorOf(start(run.config, { watch: (event) => events.push(event) })),
      await errorOf(estimateRun(run.config, signal)),
    ];
    for (const error of errors) {
      assert.equal(error.code, 'config');
      assert.match(error.message, says);
    }
    assert.deepEqual(events, []);
  }
});

function subnetFile(runFolder: string): string {
  return join(runFolder, 'export/subnet.json');
}

/** A weight as a sliced checkpoint holds it, [outputs, inputs]. */
async function exported(
  { weights, subnet }: Awaited<ReturnType<typeof loadSubnet>>['candidate'],
  block: number,
  map: MapName,
): Promise<Float32Array> {
  const { shape } = weights;
  const rows = rowsOf(blockOf(shape, block), map, subnet.layers[block]!);
  const { weight } = sliceLinear(map, (await weights.block(block))[map]!, shape.hidden, rows);
  if (map !== 'o' && map !== 'down') return weight;
  const inputs = weight.length / shape.hidden;
  return Float32Array.from(weight, (_, i) => {
    return weight[(i % inputs) * shape.hidden + Math.floor(i / inputs)]!;
  });
}
