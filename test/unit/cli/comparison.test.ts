import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { comparisonText } from '../../../src/cli/comparisonText.ts';
import { progressLine } from '../../../src/cli/progressLine.ts';
import { nextProgress, noProgress } from '../../../src/cli/progressState.ts';
import type { CompareRow } from '../../../src/protocol/compareRow.ts';
import type { ComparisonTable } from '../../../src/protocol/comparisonTable.ts';
import type { RunEventBody } from '../../../src/protocol/runEvent.ts';

describe('a comparison on a terminal', () => {
  it('is a table per scope, dense first, the best of each column marked, kept shares last', () => {
    assert.equal(
      comparisonText(table, false),
      `tiny-llama on the CPU, 2 threads
Perplexity on 12 windows of held-out text, 3,072 tokens

Zeros in the MLPs
method    50%     2:4
----------------------
dense   2.925   2.925
wanda   2.964   3.056
ours    2.938*  2.953*
dass    2.938*      -
kept    62.5%   62.5%

Units and blocks removed, by the share that is kept
method         90%
-------------------
dense        2.925
random       19.85
depth        3.100*
kept    86.2-90.0%

* best of its column. kept: share of the prunable parameters that are not zero.

Left out
  dass (2:4 in mlp, 2:4 in all); flap (kept 90%)
    The MLP of this model has no gate. Use "wanda".
`,
    );
  });

  it('never takes more than 80 columns, and continues below instead', () => {
    const patterns = Array.from({ length: 32 }, (_, i) => `${i + 1}:${'1'.repeat(9)}`);
    const rows = patterns.map((pattern) => rowOf('magnitude', pattern, 'mlp', 12345.6, 0.5));
    const why = `The pattern ${'that does not fit '.repeat(12)}the model.`;
    const leftOut = patterns.map((pattern) => ({
      ...{ method: 'dass', pattern, scope: 'mlp' as const, why },
    }));
    const model = 'a model whose name is long '.repeat(5).trim();
    const text = comparisonText({ ...table, model, rows: [dense, ...rows], leftOut }, true);
    for (const line of text.split('\n')) assert.ok(line.length <= 80, line);
    assert.match(text, /Zeros in the MLPs, continued/);
    for (const pattern of patterns) assert.ok(text.includes(` ${pattern} `), pattern);
    assert.equal(text.split('magnitude').length - 1, text.split('MLPs').length - 1);
  });

  it('of the dense model alone says so', () => {
    const text = comparisonText({ ...table, rows: [dense], leftOut: [] }, false);
    assert.match(text, /\ndense 2\.925\n$/);
    assert.doesNotMatch(text, /best of/);
  });

  it('has a line that says how many rows are done and what time is left', () => {
    const events: RunEventBody[] = [
      { kind: 'comparisonStarted', folder: '/a', total: 8 },
      { kind: 'compared', row: dense, done: 2, total: 8, etaMs: 83_000 },
    ];
    const state = events.reduce(nextProgress, noProgress);
    assert.equal(
      progressLine(state, 80, true),
      'compare    █████░░░░░░░░░░░░░░░   25%  2 of 8 rows  1 min 23 s left',
    );
    const one = nextProgress(noProgress, events[0]!);
    assert.equal(
      progressLine(one, 80, false),
      'compare    ....................    0%  0 of 8 rows',
    );
  });
});

function rowOf(
  method: string,
  pattern: string,
  scope: CompareRow['scope'],
  perplexity: number,
  nonzeroFraction: number,
): CompareRow {
  const params = 1000 * nonzeroFraction;
  return { method, pattern, scope, seed: 0, perplexity, nonzeroFraction, params, seconds: 1.5 };
}

const dense = rowOf('dense', 'dense', 'all', 2.925, 1);
const why = 'The MLP of this model has no gate. Use "wanda".';
const table: ComparisonTable = {
  ...{ schemaVersion: 1, name: 'tiny', configPath: '/a.subnet.jsonc', model: 'tiny-llama' },
  ...{ device: 'CPU, 2 threads', seed: 0, startedMs: 1, updatedMs: 2, state: 'finished' },
  ...{ blockParams: 1000, total: 9 },
  heldout: { windows: 12, tokens: 3072 },
  calibration: { windows: 4, tokens: 1024 },
  rows: [
    dense,
    rowOf('wanda', '50%', 'mlp', 2.964, 0.625),
    rowOf('ours', '50%', 'mlp', 2.938, 0.625),
    rowOf('dass', '50%', 'mlp', 2.938, 0.6251),
    rowOf('wanda', '2:4', 'mlp', 3.056, 0.625),
    rowOf('ours', '2:4', 'mlp', 2.953, 0.625),
    rowOf('random', 'kept 90%', 'structured', 19.85, 0.9),
    rowOf('depth', 'kept 90%', 'structured', 3.1, 0.862),
  ],
  leftOut: [
    { method: 'dass', pattern: '2:4', scope: 'mlp', why },
    { method: 'dass', pattern: '2:4', scope: 'all', why },
    { method: 'flap', pattern: 'kept 90%', scope: 'structured', why },
  ],
};
