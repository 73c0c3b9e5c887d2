import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { figuresOf } from '../../scripts/compare/figures.ts';
import { writePage } from '../../scripts/compare/page.ts';
import { ResultsFile } from '../../scripts/compare/resultsFile.ts';
import { comparisonsIn } from '../../src/dashboard/reader/comparisons.ts';
import {
  compareMethods,
  compareOpened,
  openComparison,
} from '../../src/engine/pipeline/compareMethods.ts';
import { comparableKey } from '../../src/protocol/comparableKey.ts';
import type { ComparisonTable } from '../../src/protocol/comparisonTable.ts';
import type { RunEvent } from '../../src/protocol/runEvent.ts';
import { temporaryFolder } from './inProcess.ts';
import { tinyText, writeConfig, writeTinyRun } from './tinyRun.ts';

const limits = { timeout: 120_000 };

describe('the figures of a comparison', () => {
  it('come from a shifted text too, with the tokens that methods take', limits, async () => {
    const run = await writeTinyRun(temporaryFolder());
    const other = join(run.folder, 'other.txt');
    writeFileSync(other, tinyText(2));
    const section = {
      ...{ sparsity: [], ratios: [0.6] },
      structured: ['random', 'flap', 'uniform-obc', 'slicegpt'] as const,
    };
    writeConfig(run.config, { compare: { ...section, shifted: 'other.txt' } });
    const { rows, calibration } = await compare(run.config);
    writeConfig(run.config, { heldout: 'other.txt', compare: section });
    const alone = await compare(run.config);
    assert.equal(comparisonsIn(run.folder).length, 2, 'another text is another comparison');
    const judged = alone.rows.map(({ perplexity, lossNats, evaluatedOn }) => ({
      ...{ perplexity, lossNats, evaluatedOn },
    }));
    // The last tenth of the text is held out of the first comparison only, so methods see other text.
    assert.deepEqual(rows[0]!.shifted, judged[0]);
    assert.notEqual(comparableKey(rows[0]!.evaluatedOn), comparableKey(judged[0]!.evaluatedOn));
    const keys = rows.map(({ shifted }) => comparableKey(shifted?.evaluatedOn));
    assert.deepEqual(keys, new Array(5).fill(comparableKey(judged[0]!.evaluatedOn)));
    const { tokens } = calibration;
    const counts = rows.map(({ method, tokensForwarded }) => [method, tokensForwarded]);
    assert.deepEqual(counts, [
      ...[
        ['dense', 0],
        ['random', 0],
        ['flap', tokens],
        ['uniform-obc', tokens],
      ],
      ['slicegpt', tokens],
    ]);
  });

  it('are found in a file of results where their folder is gone', limits, async () => {
    const section = { sparsity: [], ratios: [0.6, 0.5], structured: ['random'] as const };
    const run = await writeTinyRun(temporaryFolder(), { compare: section });
    const path = join(run.folder, 'tiny.jsonl');
    const stop = new AbortController().signal;
    const make = async (): Promise<number> => {
      const asked = await openComparison({ configPath: run.config, seed: 3 }, stop);
      const results = new ResultsFile(path);
      results.restore(asked);
      let made = 0;
      const emit = (event: RunEvent): void => {
        if (event.kind !== 'compared' || event.row === null) return;
        if (results.add(asked, event.row, 1e6)) made++;
      };
      await compareOpened(asked, { signal: stop, emit });
      return made;
    };
    assert.equal(await make(), 3);
    const text = readFileSync(path, 'utf8');
    rmSync(join(run.folder, '.subnet'), { recursive: true });
    assert.equal(await make(), 0, 'rows of the file are not made again');
    const [first, ...rows] = text.trim().split('\n');
    assert.ok(!first!.includes(run.folder), 'no path of this machine is kept');
    writeFileSync(path, `${[first, ...rows.slice(1)].join('\n')}\n`);
    rmSync(join(run.folder, '.subnet'), { recursive: true });
    assert.equal(await make(), 1, 'what the file lacks is made');
    const again = new ResultsFile(path).newest();
    assert.deepEqual(
      again.lines.map(({ row }) => row.pattern),
      ['kept 60%', 'kept 50%', 'dense'],
    );
    writePage(run.config, new ResultsFile(path));
    assert.match(readFileSync(join(run.folder, 'tiny.md'), 'utf8'), /\| random \| \*\*\d/);
    const figures = again.lines.flatMap(({ row }) => figuresOf(row));
    assert.deepEqual(
      figures.map(({ method, ratio, seed, domain }) => [method, ratio, seed, domain]),
      [
        ['random', 0.6, 3, 'near'],
        ['random', 0.5, 3, 'near'],
        ['dense', 1, 3, 'near'],
      ],
    );
  });
});

function compare(configPath: string): Promise<ComparisonTable> {
  const { signal } = new AbortController();
  return compareMethods({ configPath }, { signal, emit: () => undefined });
}
