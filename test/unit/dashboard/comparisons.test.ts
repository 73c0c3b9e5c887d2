import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import {
  comparisonsIn,
  listComparisons,
  readComparison,
} from '../../../src/dashboard/reader/comparisons.ts';
import { comparisonsRootOf } from '../../../src/engine/runs/comparisonFolder.ts';
import { takeRunLock } from '../../../src/engine/runs/runLock.ts';
import {
  COMPARISON_FILE,
  COMPARISON_SCHEMA_VERSION,
  type ComparisonTable,
} from '../../../src/protocol/comparisonTable.ts';
import { isEngineError } from '../../../src/protocol/errors.ts';

const root = mkdtempSync(join(tmpdir(), 'subnet-comparisons-'));
after(() => {
  rmSync(root, { recursive: true });
});

const table: ComparisonTable = {
  ...{ schemaVersion: COMPARISON_SCHEMA_VERSION, name: 'tiny', model: 'tiny-llama', seed: 0 },
  ...{ configPath: join(root, 'tiny.subnet.jsonc'), device: 'CPU, 2 threads' },
  ...{ startedMs: 1, updatedMs: 2, state: 'finished', blockParams: 1000, total: 2 },
  heldout: { windows: 2, tokens: 64 },
  calibration: { windows: 4, tokens: 128 },
  rows: [
    {
      ...{ method: 'wanda', pattern: '2:4', scope: 'mlp', seed: 0, perplexity: 3.05 },
      ...{ nonzeroFraction: 0.625, params: 625, seconds: 1.5 },
    },
  ],
  leftOut: [{ method: 'dass', pattern: '2:4', scope: 'mlp', why: 'no gate' }],
};

describe('comparisons on disk', () => {
  it('are listed newest first, over all folders of configs', () => {
    const [one, two] = [join(root, 'one'), join(root, 'two')];
    put(one, 'aa', { ...table, updatedMs: 5 });
    put(one, 'bb', { ...table, updatedMs: 9 });
    put(two, 'cc', { ...table, updatedMs: 7 });
    mkdirSync(join(comparisonsRootOf(one), 'only rows'));
    const found = listComparisons([one, two, join(root, 'none'), one]);
    assert.deepEqual(
      found.map((each) => ('table' in each ? each.table.updatedMs : each.problem)),
      [9, 7, 5],
    );
    assert.deepEqual(
      comparisonsIn(two).map(({ folder }) => folder),
      [join(comparisonsRootOf(two), 'cc')],
    );
  });

  it('that are damaged, too large, linked away or newer are told as such, after the others', () => {
    const dir = join(root, 'bad');
    put(dir, 'zz', table);
    put(dir, 'cut', '{"schemaVersion": 1, "na');
    put(dir, 'fields', { ...table, rows: [{ method: 'wanda' }] });
    put(dir, 'newer', { schemaVersion: 2 });
    put(dir, 'large', `"${'x'.repeat(5_000_000)}"`);
    const secret = join(root, 'secret.json');
    writeFileSync(secret, JSON.stringify(table));
    mkdirSync(join(comparisonsRootOf(dir), 'link'));
    symlinkSync(secret, join(comparisonsRootOf(dir), 'link', COMPARISON_FILE));
    const [first, ...others] = comparisonsIn(dir);
    assert.ok(first !== undefined && 'table' in first);
    const problems = others.map((each) => ('problem' in each ? each.problem : 'no problem'));
    for (const [i, pattern] of [
      ...[/is not JSON/, /field \/rows\/0/, /at most 4.19 MB/, /is a link/],
      /Update Subnet Studio/,
    ].entries()) {
      assert.match(problems[i]!, pattern);
    }
    assert.equal(problems.length, 5);
  });

  it('that were killed are stopped, unless an engine is at work on them', () => {
    const folder = put(join(root, 'killed'), 'aa', { ...table, state: 'running' });
    assert.equal(readComparison(folder).state, 'stopped');
    const lock = takeRunLock(folder);
    assert.equal(readComparison(folder).state, 'running');
    lock.release();
    for (const none of [join(root, 'killed'), join(root, 'nowhere')]) {
      assert.throws(
        () => readComparison(none),
        (error) => isEngineError(error, 'run'),
      );
    }
  });
});

function put(configDir: string, key: string, content: unknown): string {
  const folder = join(comparisonsRootOf(configDir), key);
  mkdirSync(folder, { recursive: true });
  const text = typeof content === 'string' ? content : JSON.stringify(content);
  writeFileSync(join(folder, COMPARISON_FILE), text);
  return folder;
}
