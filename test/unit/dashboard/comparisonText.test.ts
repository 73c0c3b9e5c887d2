import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  bestRow,
  comparisonCsv,
  comparisonMarkdown,
  decidedRows,
} from '../../../src/dashboard/model/comparisonText.ts';
import type { CompareRow } from '../../../src/protocol/compareRow.ts';
import type { ComparisonTable } from '../../../src/protocol/comparisonTable.ts';

function row(
  method: string,
  pattern: string,
  scope: CompareRow['scope'],
  perplexity: number | null,
): CompareRow {
  const sizes = { seed: 0, nonzeroFraction: 0.625, params: 1000, seconds: 1.5 };
  return { method, pattern, scope, perplexity, ...sizes };
}

function tableOf(rows: readonly CompareRow[], more: Partial<ComparisonTable> = {}) {
  const table: ComparisonTable = {
    ...{
      schemaVersion: 1,
      name: 'a|b',
      configPath: '/c.subnet.jsonc',
      model: 'tiny',
      device: 'CPU',
    },
    ...{ seed: 0, startedMs: 1, updatedMs: 2, state: 'finished', blockParams: 1600 },
    heldout: { windows: 9, tokens: 12_288 },
    calibration: { windows: 128, tokens: 32_768 },
    total: rows.length,
    rows: [...rows],
    leftOut: [],
    ...more,
  };
  return table;
}

const rows = [
  row('dense', 'dense', 'all', 2.925),
  row('wanda', '50%', 'mlp', 2.93),
  row('ours', '50%', 'mlp', 2.926),
  row('wanda', '2:4', 'all', 3.03),
  row('wanda', '2:4', 'mlp', 3.056),
  row('ours', '2:4', 'mlp', 2.953),
  row('flap', 'kept 90%', 'structured', 1e7),
];
const judgedTwice = { ...rows[6]!, tokensForwarded: 4096, shifted: { perplexity: null } };

test('names the best method of one task, 2:4 of the MLPs before others', () => {
  assert.equal(bestRow(tableOf(rows))?.perplexity, 2.953);
  const without = rows.filter(({ pattern }) => pattern !== '2:4');
  assert.deepEqual([bestRow(tableOf(without))?.method, bestRow(tableOf([]))], ['ours', undefined]);
  assert.equal(bestRow(tableOf([row('wanda', '2:4', 'mlp', null), rows[6]!]))?.method, 'flap');
});

test('counts what was left out as decided', () => {
  const why = 'no gate';
  const left = { method: 'dass', pattern: '2:4', scope: 'mlp' as const, why };
  assert.equal(decidedRows(tableOf(rows, { total: 20, leftOut: [left] })), 8);
  assert.equal(decidedRows(tableOf(rows, { total: 3 })), 3);
});

test('writes methods × patterns as Markdown that no name can break', () => {
  const why = 'a\n|b';
  const leftOut = [{ method: 'dass', pattern: '2:4', scope: 'mlp' as const, why }];
  const text = comparisonMarkdown(tableOf(rows, { leftOut, total: 20 }));
  assert.match(text, /^# a\\\|b\n/);
  assert.match(text, /Dense: 2\.925\. Not finished: 8 of 20 rows\./);
  assert.ok(text.includes('## MLP only\n\n| Method | 50% | 2:4 |\n| --- | --: | --: |\n'), text);
  assert.ok(text.includes('| Ours | **2.926** | **2.953** |'), text);
  assert.ok(text.includes('| FLAP | **1.00e+7** |'), text);
  assert.ok(text.includes('- Left out: DaSS, 2:4, MLP only. a \\|b'), text);
  assert.match(text, /sparse weights save space there, not time/);
  assert.doesNotMatch(text, /shifted/);
  const shifted = comparisonMarkdown(tableOf([...rows, judgedTwice]));
  assert.ok(shifted.includes('## Structured, shifted text\n\n| Method | kept 90% |'), shifted);
  assert.ok(shifted.includes('| FLAP | **∞** |'), shifted);
});

test('writes every figure unrounded as CSV, and no formula', () => {
  const lines = comparisonCsv(tableOf([...rows, row('=x("a")', '2:4', 'mlp', 1 / 3)])).split(
    '\r\n',
  );
  assert.equal(lines[1], 'dense,dense,all,0,2.925,,0.625,1000,1.5,');
  assert.equal(lines.at(-2), '"\'=x(""a"")",2:4,mlp,0,0.3333333333333333,,0.625,1000,1.5,');
  const [, last] = comparisonCsv(tableOf([judgedTwice])).split('\r\n');
  assert.equal(last, 'flap,kept 90%,structured,0,10000000,infinite,0.625,1000,1.5,4096');
  assert.deepEqual([lines.length, lines.at(-1)], [rows.length + 3, '']);
});
