import assert from 'node:assert/strict';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { compareMethods } from '../../src/engine/pipeline/compareMethods.ts';
import type { CompareRequest, CompareRow } from '../../src/protocol/compareRow.ts';
import { isEngineError } from '../../src/protocol/errors.ts';
import { start, temporaryFolder } from './inProcess.ts';
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
      assert.ok(perplexity > 1 && Number.isFinite(perplexity) && seconds >= 0);
    }
    const structured = rows.filter(({ scope }) => scope === 'structured');
    assert.deepEqual(
      structured.map(({ method }) => method),
      [
        ...['random', 'magnitude', 'wandaSp', 'flap', 'influence', 'depth'],
        ...['A initialised', 'A searched', 'A reformed'],
      ],
    );
    for (const { method, params, nonzeroFraction } of structured) {
      assert.ok(params <= 0.6 * dense && params > 0.6 * dense - 96, `${method}: ${params}`);
      assert.ok(nonzeroFraction <= 0.6);
    }
    assert.deepEqual(rows[0], {
      ...{ method: 'dense', pattern: 'dense', scope: 'all', seed: 0 },
      ...{ perplexity: rows[0]!.perplexity, nonzeroFraction: 1, params: dense },
      seconds: rows[0]!.seconds,
    });
  });

  it('that was interrupted goes on, and gives the rows it would have given', limits, async () => {
    const only = {
      compare: { ...SMALL, scopes: ['mlp' as const], structured: ['methodA' as const] },
    };
    const { config, folder } = await writeTinyRun(temporaryFolder(), only);
    const { rows, notes } = await compare(config);
    assert.ok(notes.length > rows.length);
    const [key] = readdirSync(join(folder, '.subnet', 'compare'));
    const kept = join(folder, '.subnet', 'compare', key!);
    for (const gone of ['mlp-2_4-ours.json', 'structured-kept_60_-A_reformed.json']) {
      rmSync(join(kept, gone));
    }
    const stop = new AbortController();
    await assert.rejects(
      compare(config, { onNote: (text) => text.includes('sparsegpt') && stop.abort() }, stop),
      (error) => isEngineError(error, 'cancelled') && /same command again/.test(error.message),
    );
    const again = await compare(config);
    const timeless = (all: readonly CompareRow[]): unknown =>
      all.map(({ seconds: _, ...row }) => ({ ...row, seconds: 0 }));
    assert.deepEqual(timeless(again.rows), timeless(rows));
    // Another seed, text or setting is another comparison.
    const other = await compare(config, { seed: 7 });
    assert.ok(other.rows.every(({ seed }) => seed === 7));
    assert.equal(readdirSync(join(folder, '.subnet', 'compare')).length, 2);
  });

  it('takes method A from a finished run of the same settings', limits, async () => {
    const only = {
      compare: { sparsity: [], structured: ['methodA' as const], ratios: [0.6, 0.5] },
    };
    const { config } = await writeTinyRun(temporaryFolder(), only);
    const { figures } = await start(config);
    const { rows } = await compare(config);
    const found = rows.filter(({ pattern }) => pattern === 'kept 60%');
    assert.deepEqual(
      found.map(({ perplexity }) => perplexity),
      [figures.initialised, figures.searched, figures.reformed].map((one) => one!.perplexity),
    );
    assert.equal(rows.filter(({ pattern }) => pattern === 'kept 50%').length, 3);
  });

  it('leaves out what does not go with the model, and says why', limits, async () => {
    const { config } = await writeTinyRun(
      temporaryFolder(),
      { compare: { patterns: ['2:4', '2:5'], scopes: ['mlp'], structured: [] } },
      { family: 'opt' },
    );
    const { rows, notes } = await compare(config);
    assert.deepEqual(
      rows.map(({ method, pattern }) => `${method} ${pattern}`),
      ['dense dense', 'magnitude 2:4', 'wanda 2:4', 'sparsegpt 2:4', 'ours 2:4'],
    );
    assert.ok(notes.some((text) => /Left out: dass, 2:4, mlp.*Use "wanda"/.test(text)));
    assert.ok(notes.some((text) => /Left out: wanda, 2:5, mlp/.test(text)));
  });

  it('refuses a pattern that is none before any work', limits, async () => {
    const folder = temporaryFolder();
    const { config } = await writeTinyRun(folder);
    writeConfig(config, { compare: { patterns: ['4:4'] } });
    await assert.rejects(compare(config), (error) => isEngineError(error, 'config'));
    writeFileSync(config, JSON.stringify({ ...TINY_CONFIG, compare: { sparsity: ['best'] } }));
    await assert.rejects(compare(config), (error) => isEngineError(error, 'config'));
  });
});

interface Options extends Omit<CompareRequest, 'configPath'> {
  readonly onNote?: (text: string) => unknown;
}

async function compare(
  configPath: string,
  { onNote, ...request }: Options = {},
  stop = new AbortController(),
): Promise<{ rows: readonly CompareRow[]; notes: string[] }> {
  const notes: string[] = [];
  const rows = await compareMethods(
    { configPath, ...request },
    {
      signal: stop.signal,
      emit: (event) => {
        if (event.kind !== 'log') return;
        notes.push(event.text);
        onNote?.(event.text);
      },
    },
  );
  return { rows, notes };
}
