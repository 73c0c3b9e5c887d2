import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { weightBytes } from '../../src/engine/checkpoint/weightBytes.ts';
import { countParameters } from '../../src/engine/model/cost.ts';
import { denseSubnet } from '../../src/engine/model/subnet.ts';
import { compareMethods } from '../../src/engine/pipeline/compareMethods.ts';
import { estimateRun } from '../../src/engine/pipeline/estimateRun.ts';
import { evaluateModel } from '../../src/engine/pipeline/evaluateModel.ts';
import { startRun } from '../../src/engine/pipeline/startRun.ts';
import { placeWeights } from '../../src/engine/pipeline/weightPlace.ts';
import { workOnSubnet } from '../../src/engine/pipeline/workOnSubnet.ts';
import { comparisonsRootOf } from '../../src/engine/runs/comparisonFolder.ts';
import { readRunEvents } from '../../src/engine/runs/listRuns.ts';
import type { EngineContext } from '../../src/protocol/engineApi.ts';
import type { RunEvent } from '../../src/protocol/runEvent.ts';
import { tinyShape } from '../fixtures/tinyModel.ts';
import { artefactsOf } from './artefacts.ts';
import { temporaryFolder } from './inProcess.ts';
import { type TinyRun, writeConfig, writeTinyRun } from './tinyRun.ts';

const folder = temporaryFolder();
const { signal } = new AbortController();
const ON_DISK = /more than half of the .* of memory that are free: blocks are read/;
let files: TinyRun;
/** Folders of a run of `files` with all memory, and with next to none. */
let runs: string[];

before(async () => {
  files = await writeTinyRun(
    join(folder, 'run'),
    { sparsify: { method: 'wanda', pattern: '2:4' } },
    { dtype: 'BF16' },
  );
  runs = await both(async (context) => (await startRun(files.config, context)).runFolder);
});

/** Does the same with all memory and with next to none; only the latter may say that it reads blocks. */
async function both<T>(work: (context: EngineContext) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (const [where, freeBytes] of [
    ['memory', Infinity],
    ['disk', 1],
  ] as const) {
    const lines: string[] = [];
    const emit = (event: RunEvent): void => {
      if (event.kind === 'log') lines.push(event.text);
    };
    results.push(await work({ signal, emit, freeBytes }));
    const told = lines.filter((line) => ON_DISK.test(line));
    assert.equal(told.length, where === 'disk' ? 1 : 0, lines.join('\n'));
  }
  return results;
}

test('a run whose blocks are read from disk ends with the same figures and files', () => {
  assert.deepEqual(artefactsOf(runs[1]!), artefactsOf(runs[0]!));
});

test('a subnet and its model, evaluated from disk, have the same perplexity', async () => {
  for (const path of [files.model, join(runs[0]!, 'export/subnet.json')]) {
    const [memory, disk] = await both(async (context) => {
      const { text } = files;
      const report = await evaluateModel({ path, text, context: 32, device: 'cpu' }, context);
      return { nats: report.lossNats, tokens: report.tokens, on: report.evaluatedOn };
    });
    assert.deepEqual(disk, memory);
  }
});

test('a subnet of a run is reformed from disk as it was in memory', async () => {
  const runFolder = runs[0]!;
  const { events } = readRunEvents(runFolder);
  const last = events.findLast((event) => event.kind === 'generationFinished')!;
  const request = { runFolder, reform: true, evaluate: true, forms: [] };
  const [memory, disk] = await both(async (context) => {
    const report = await workOnSubnet({ ...request, key: last.survivors[1]! }, context);
    return { perplexity: report.reformed?.perplexity, verdict: report.verdict };
  });
  assert.ok(memory!.verdict !== undefined);
  assert.deepEqual(disk, memory);
});

test('a comparison from disk has the same rows', async () => {
  const config = join(files.folder, 'compare.subnet.jsonc');
  writeConfig(config, {
    compare: {
      ...{ patterns: ['2:4'], scopes: ['mlp'], ratios: [0.6] },
      sparsity: ['wanda', 'sparsegpt', 'ours'],
      structured: ['random', 'magnitude', 'flap'],
    },
  });
  const [memory, disk] = await both(async (context) => {
    rmSync(comparisonsRootOf(files.folder), { recursive: true, force: true });
    const { rows } = await compareMethods({ configPath: config }, context);
    return rows.map((row) => ({ ...row, seconds: 0 }));
  });
  assert.equal(memory!.length, 7);
  assert.deepEqual(disk, memory);
});

test('an estimate says that blocks are read, takes less memory and more time', async () => {
  const [memory, disk] = [
    await estimateRun(files.config, signal, Infinity),
    await estimateRun(files.config, signal, 1),
  ];
  assert.doesNotMatch(memory.warnings.join('\n'), ON_DISK);
  assert.match(disk.warnings.join('\n'), ON_DISK);
  for (const [i, stage] of disk.stages.entries()) {
    assert.ok(stage.peakBytes < memory.stages[i]!.peakBytes, stage.stage);
  }
  const msOf = (report: typeof disk, name: string): number =>
    report.stages.find(({ stage }) => stage === name)!.ms;
  for (const name of ['calibrate', 'search', 'reform', 'sparsify', 'evaluate', 'export']) {
    assert.ok(msOf(disk, name) > msOf(memory, name), name);
  }
  // It need not be loaded.
  assert.ok(msOf(disk, 'import') < msOf(memory, 'import'));
});

test('weights stay in memory as long as half of it is left', () => {
  const shape = tinyShape({ layers: 4 });
  const bytes = weightBytes(shape);
  assert.equal(placeWeights(shape, 2 * bytes).kind, 'memory');
  const { kind, heldBytes } = placeWeights(shape, 2 * bytes - 1);
  assert.equal(kind, 'disk');
  const { denseBlock, denseTotal } = countParameters(shape, denseSubnet(shape));
  // Outside the blocks, and one of four equal blocks with its two norms.
  const norms = 2 * shape.hidden;
  const outside = denseTotal - denseBlock - 4 * norms;
  assert.equal(heldBytes, 4 * (outside + denseBlock / 4 + norms));
});
