import assert from 'node:assert/strict';
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { comparisonsIn, readComparison } from '../../src/dashboard/reader/comparisons.ts';
import { compareMethods } from '../../src/engine/pipeline/compareMethods.ts';
import { comparisonsRootOf } from '../../src/engine/runs/comparisonFolder.ts';
import { takeRunLock } from '../../src/engine/runs/runLock.ts';
import type { CompareRequest, CompareRow } from '../../src/protocol/compareRow.ts';
import { COMPARISON_FILE, type ComparisonTable } from '../../src/protocol/comparisonTable.ts';
import { isEngineError } from '../../src/protocol/errors.ts';
import { comparableKey } from '../../src/protocol/comparableKey.ts';
import type { RunEvent } from '../../src/protocol/runEvent.ts';
import { temporaryFolder } from './inProcess.ts';
import { TINY_CONFIG, writeConfig, writeTinyRun } from './tinyRun.ts';

const limits = { timeout: 120_000 };
const SMALL = { patterns: ['2:4', '50%'], ratios: [0.6] };

describe('a comparison', () => {
  it('has a row for every method, pattern and scope, all judged alike', limits, async () => {
    const { config } = await writeTinyRun(
      temporaryFolder(),
      {
        compare: { ...SMALL, sparsity: ['magnitude', 'wanda', 'sparsegpt', 'dass', 'ours', 'mix'] },
      },
      { layers: 5 },
    );
    const dense = 5 * 9216;
    const { rows } = await compare(config);
    const sparse = rows.filter(({ scope, method }) => scope !== 'structured' && method !== 'dense');
    assert.equal(sparse.length, 2 * 2 * 6);
    for (const { scope, method, nonzeroFraction, perplexity, seconds } of sparse) {
      // 64 neurons of 3 × 32 weights are two thirds of the tiny model's blocks.
      const expected = scope === 'all' ? 0.5 : 1 - 0.5 * (6144 / (6144 + 3072));
      assert.ok(Math.abs(nonzeroFraction - expected) < 0.002, `${scope} ${method}`);
      assert.ok(perplexity! > 1 && Number.isFinite(perplexity) && seconds >= 0);
    }
    const structured = rows.filter(({ scope }) => scope === 'structured');
    assert.deepEqual(
      structured.map(({ method }) => method),
      [
        ...['random', 'magnitude', 'wanda-sp', 'flap', 'influence', 'depth', 'uniform-obc'],
        ...['slicegpt', 'paper, initialised', 'paper, searched', 'paper', 'ours'],
      ],
    );
    for (const { method, params, nonzeroFraction } of structured) {
      // A direction of the stream before one sublayer is more than a neuron.
      const step = method === 'slicegpt' ? 96 + 64 + 2 * 32 : 96;
      assert.ok(params <= 0.6 * dense && params > 0.6 * dense - step, `${method}: ${params}`);
      assert.ok(nonzeroFraction <= 0.6);
    }
    assert.deepEqual(rows[0], {
      ...{ method: 'dense', pattern: 'dense', scope: 'all', seed: 0 },
      ...{ perplexity: rows[0]!.perplexity, nonzeroFraction: 1, params: dense },
      ...{ lossNats: rows[0]!.lossNats, evaluatedOn: rows[0]!.evaluatedOn },
      ...{ seconds: rows[0]!.seconds, tokensForwarded: 0 },
    });
    for (const { perplexity, lossNats = NaN } of rows) assert.equal(perplexity, Math.exp(lossNats));
    assert.equal(new Set(rows.map((row) => comparableKey(row.evaluatedOn))).size, 1);
    assert.notEqual(comparableKey(rows[0].evaluatedOn), null, 'all rows compare');
  });

  it(
    'that was interrupted goes on, and ends in the table it would have ended in',
    limits,
    async () => {
      const only = {
        compare: { ...SMALL, scopes: ['mlp' as const], structured: ['paper' as const] },
      };
      const { config, folder } = await writeTinyRun(temporaryFolder(), only);
      const { table } = await compare(config);
      const kept = folderOf(folder);
      for (const gone of ['mlp-2_4-ours.r2.json', 'structured-kept_60_-paper.r1.json']) {
        rmSync(join(kept, gone));
      }
      // A row that was cut short by a crash, and one that is somebody else's, are made again.
      writeFileSync(join(kept, 'mlp-50_-wanda.r2.json'), '{"method": "wan');
      writeFileSync(join(kept, 'mlp-50_-dass.r2.json'), JSON.stringify(table.rows[0]));
      writeFileSync(join(kept, 'searched-0.6.paper.r1.json'), '{"subnet": 1, "seconds": 1}');
      const stop = new AbortController();
      let seen = 0;
      await assert.rejects(
        compare(config, { onRow: () => ++seen === table.total - 4 && stop.abort() }, stop),
        (error) => isEngineError(error, 'cancelled') && /same command again/.test(error.message),
      );
      const half = readComparison(kept);
      assert.equal(half.state, 'stopped');
      assert.equal(half.rows.length, table.total - 4);
      const again = await compare(config);
      assert.deepEqual(timeless(again.table), timeless(table));
      assert.deepEqual(timeless(readComparison(kept)), timeless(table));
      assert.equal(again.table.startedMs, table.startedMs);
      // Another seed, text or setting is another comparison.
      const other = await compare(config, { seed: 7 });
      assert.ok(other.table.rows.every(({ seed }) => seed === 7));
      assert.equal(comparisonsIn(folder).length, 2);
    },
  );

  it('tells where it stands, on disk and row by row', limits, async () => {
    const { config, folder } = await writeTinyRun(temporaryFolder(), {
      compare: { patterns: ['2:4', '2:4', '2:5'], scopes: ['mlp'], structured: ['random'] },
    });
    const events: RunEvent[] = [];
    const states: ComparisonTable[] = [];
    const onEvent = (event: RunEvent): void => {
      events.push(event);
      if (event.kind === 'compared') states.push(readComparison(folderOf(folder)));
    };
    const { table } = await compare(config, { onEvent });
    // Dense, five methods at two patterns, one structured at five ratios: what is named twice counts once.
    assert.equal(table.total, 1 + 5 * 2 + 5);
    assert.equal(table.rows.length + table.leftOut.length, table.total);
    assert.equal(table.leftOut.length, 5);
    const begun = events.filter(({ kind }) => kind === 'comparisonStarted');
    assert.deepEqual(
      begun.map((event) => event.kind === 'comparisonStarted' && [event.folder, event.total]),
      [[folderOf(folder), table.total]],
    );
    const told = events.flatMap((event) => (event.kind === 'compared' ? [event] : []));
    assert.deepEqual(
      told.map(({ done }) => done),
      Array.from({ length: table.total }, (_, i) => i + 1),
    );
    assert.deepEqual(
      told.flatMap(({ row }) => row ?? []),
      table.rows,
    );
    assert.ok(told.slice(0, -1).every(({ etaMs }) => etaMs! > 0));
    assert.equal(told.at(-1)!.etaMs, 0);
    // The file is there before a row is told, and says it is being worked on.
    states.forEach(({ rows, leftOut, state }, i) => {
      assert.equal(rows.length + leftOut.length, i + 1);
      assert.equal(state, 'running');
    });
    assert.equal(table.state, 'finished');
    assert.deepEqual(readComparison(folderOf(folder)), table);
    assert.equal(table.device, 'CPU, 1 thread');
    assert.deepEqual(table.heldout, { windows: 10, tokens: 10 * 32 });
    assert.equal(table.blockParams, 3 * 9216);
  });

  it('is worked on by one engine at a time', limits, async () => {
    const { config, folder } = await writeTinyRun(temporaryFolder(), {
      compare: { patterns: ['2:4'], scopes: ['mlp'], structured: [] },
    });
    await compare(config);
    const lock = takeRunLock(folderOf(folder));
    await assert.rejects(
      compare(config),
      (error) => isEngineError(error, 'run') && / is in use by process \d+/.test(error.message),
    );
    lock.release();
    const { table } = await compare(config);
    assert.equal(table.state, 'finished');
  });

  it('writes a damaged table anew, and leaves one of a newer version alone', limits, async () => {
    const { config, folder } = await writeTinyRun(temporaryFolder(), {
      compare: { patterns: ['2:4'], scopes: ['mlp'], structured: [] },
    });
    const { table } = await compare(config);
    const file = join(folderOf(folder), COMPARISON_FILE);
    writeFileSync(file, '{"schemaVersion": 1, "rows": 7}');
    const again = await compare(config);
    assert.deepEqual(again.table.rows, table.rows);
    assert.ok(again.notes.some((text) => /damaged/.test(text)));
    assert.deepEqual(readComparison(folderOf(folder)), again.table);
    const newer = '{"schemaVersion": 2, "rows": "another"}';
    writeFileSync(file, newer);
    await assert.rejects(
      compare(config),
      (error) => isEngineError(error, 'run') && /Update Subnet Studio/.test(error.message),
    );
    assert.equal(readFileSync(file, 'utf8'), newer);
  });

  it('knows its rows whatever sections are added that they do not depend on', limits, async () => {
    const section = { patterns: ['2:4'], scopes: ['mlp' as const], structured: [] };
    const run = await writeTinyRun(temporaryFolder(), { compare: section });
    const { table } = await compare(run.config);
    writeConfig(run.config, {
      ...{ name: 'other', ratio: 0.3, threads: 2, export: { onnx: false, quantise: 'int8' } },
      compare: { ...section, sparsity: ['wanda', 'ours', 'sparsegpt'] },
      sparsify: { method: 'wanda' },
    });
    const again = await compare(run.config);
    assert.equal(comparisonsIn(run.folder).length, 1);
    const madeBefore = (method: string): CompareRow =>
      table.rows.find((row) => row.method === method)!;
    assert.deepEqual(
      again.table.rows,
      ['dense', 'wanda', 'ours', 'sparsegpt'].map((method) => madeBefore(method)),
    );
    assert.equal(again.table.name, 'other');
    // The same settings in a file of another name have a table of their own.
    const copy = join(run.folder, 'copy.subnet.jsonc');
    writeConfig(copy, { compare: { ...section, sparsity: [] } });
    await compare(copy);
    assert.equal(comparisonsIn(run.folder).length, 2);
    writeConfig(run.config, { compare: section, calibration: { windows: 8, length: 32 } });
    await compare(run.config);
    assert.equal(comparisonsIn(run.folder).length, 3);
  });

  it('leaves out what does not go with the model, and says why', limits, async () => {
    const { config } = await writeTinyRun(
      temporaryFolder(),
      { compare: { patterns: ['2:4', '2:5'], scopes: ['mlp'], structured: [] } },
      { family: 'opt' },
    );
    const { rows, notes, table } = await compare(config);
    assert.deepEqual(
      rows.map(({ method, pattern }) => `${method} ${pattern}`),
      ['dense dense', 'magnitude 2:4', 'wanda 2:4', 'sparsegpt 2:4', 'ours 2:4'],
    );
    assert.ok(notes.some((text) => /Left out: dass, 2:4, mlp.*Use "wanda"/.test(text)));
    assert.ok(notes.some((text) => /Left out: wanda, 2:5, mlp/.test(text)));
    assert.deepEqual(
      table.leftOut.map(({ method, pattern }) => `${method} ${pattern}`),
      ['dass 2:4', 'magnitude 2:5', 'wanda 2:5', 'sparsegpt 2:5', 'dass 2:5', 'ours 2:5'],
    );
    assert.match(table.leftOut[0]!.why, /Use "wanda"/);
  });

  it('of a model that computes no numbers fails with one error, and says so', limits, async () => {
    const run = await writeTinyRun(temporaryFolder(), { compare: { ...SMALL, structured: [] } });
    const weights = join(run.model, 'model.safetensors');
    const bytes = readFileSync(weights);
    // Finite weights, 8e37 each, whose products are not.
    bytes.fill(0x7e, bytes.length - 4096);
    writeFileSync(weights, bytes);
    await assert.rejects(compare(run.config), (error) => isEngineError(error, 'numeric'));
    assert.equal(readComparison(folderOf(run.folder)).state, 'failed');
  });

  it('without a section compares everything at the usual sizes', limits, async () => {
    const run = await writeTinyRun(
      temporaryFolder(),
      { search: { enabled: false } },
      { layers: 4 },
    );
    const { table } = await compare(run.config);
    assert.equal(table.total, 1 + 5 * 3 * 2 + (8 + 3 + 1) * 5);
    assert.ok(table.rows.length > 0.9 * table.total, JSON.stringify(table.leftOut));
  });

  it('refuses a pattern that is none before any work', limits, async () => {
    const folder = temporaryFolder();
    const { config } = await writeTinyRun(folder);
    const bad: object[] = ['4:4', '0:4', '2:0', '0%', '100%', '2:', '-1:4', 'NaN%', '2:99999'].map(
      (pattern) => ({ patterns: [pattern] }),
    );
    bad.push({ sparsity: ['best'] }, { ratios: [0] }, { ratios: [1] }, { ratios: ['NaN'] });
    for (const section of bad) {
      writeFileSync(config, JSON.stringify({ ...TINY_CONFIG, compare: section }));
      const refused = (error: unknown): boolean => isEngineError(error, 'config');
      await assert.rejects(compare(config), refused, JSON.stringify(section));
    }
    assert.deepEqual(comparisonsIn(folder), []);
  });
});

interface Options extends Omit<CompareRequest, 'configPath'> {
  readonly onEvent?: (event: RunEvent) => unknown;
  /** Called for each row, made or found. */
  readonly onRow?: () => unknown;
}

async function compare(
  configPath: string,
  { onEvent, onRow, ...request }: Options = {},
  stop = new AbortController(),
): Promise<{ table: ComparisonTable; rows: readonly CompareRow[]; notes: string[] }> {
  const notes: string[] = [];
  const table = await compareMethods(
    { configPath, ...request },
    {
      signal: stop.signal,
      emit: (event) => {
        onEvent?.(event);
        if (event.kind === 'compared') onRow?.();
        if (event.kind === 'log') notes.push(event.text);
      },
    },
  );
  return { table, rows: table.rows, notes };
}

/** The one comparison beside a config. */
function folderOf(configDir: string): string {
  const [only] = readdirSync(comparisonsRootOf(configDir));
  return join(comparisonsRootOf(configDir), only!);
}

/** A table without what a clock told. */
function timeless(table: ComparisonTable): unknown {
  const rows = table.rows.map((row) => ({ ...row, seconds: 0 }));
  return { ...table, rows, startedMs: 0, updatedMs: 0 };
}
