import assert from 'node:assert/strict';
import { test } from 'node:test';
import { completeConfig } from '../../../src/configText/completion.ts';
import { configHints } from '../../../src/configText/hints.ts';
import { modelIssues } from '../../../src/configText/modelIssues.ts';
import { configIssues } from '../../../src/configText/problems.ts';
import { applyEdits } from '../../../src/configText/textEdit.ts';
import { checkRunConfig } from '../../../src/protocol/parseRunConfig.ts';
import { tinyFacts } from './tinyFacts.ts';

const NOTHING = { models: [], texts: [], model: null };
const ungated = { ...tinyFacts, gated: false };

function config(fields: string, ratio = 1): string {
  return `{ "model": "m", "ratio": ${ratio}, "text": "t", ${fields} }`;
}

function labels(marked: string): readonly string[] {
  const offset = marked.indexOf('|');
  return completeConfig(marked.replace('|', ''), offset, NOTHING).map(({ label }) => label);
}

test('completes patterns, groups of integers, and what a list does not hold yet', () => {
  const patterns = ['"2:4"', '"4:8"', '"8:16"', '"50%"', '"60%"'];
  assert.deepEqual(labels('{ "sparsify": { "pattern": "|" } }'), patterns);
  assert.deepEqual(labels('{ "compare": { "patterns": ["4:8", |] } }'), [
    ...['"2:4"', '"8:16"', '"50%"', '"60%"'],
  ]);
  assert.deepEqual(labels('{ "export": { "groupSize": | } }'), ['32', '64', '128', '16', '256']);
  const methods = labels('{ "compare": { "sparsity": ["dass", | ] } }');
  assert.ok(methods.includes('"ours"') && !methods.includes('"dass"'));
  assert.deepEqual(labels('{ "compare": { "scopes": [|] } }'), ['"mlp"', '"all"']);
  assert.deepEqual(labels('{ "search": { "ranges": { "mlp": [0.1, |] } } }'), []);
});

test('writes the comma that a list lacks', () => {
  const marked = '{ "compare": { "patterns": ["4:8" | "50%"] } }';
  const text = marked.replace('|', '');
  const [first] = completeConfig(text, marked.indexOf('|'), NOTHING);
  const written = applyEdits(text, [
    ...first!.alsoEdits,
    { ...first!.replaces, content: first!.snippet },
  ]);
  assert.equal(written, '{ "compare": { "patterns": ["4:8", "2:4", "50%"] } }');
});

test('marks a pattern that is none where it stands, also in a list, and repairs it', () => {
  const rows: readonly (readonly [string, string, string])[] = [
    ['"sparsify": { "pattern": "4:2" }', '"4:2"', '"2:4"'],
    ['"sparsify": { "pattern": "2/4" }', '"2/4"', '"2:4"'],
    ['"sparsify": { "pattern": "60" }', '"60"', '"60%"'],
    ['"compare": { "patterns": ["2:4", "100%"] }', '"100%"', '"2:4"'],
    ['"export": { "groupSize": 48 }', '48', '32'],
  ];
  for (const [fields, marked, repaired] of rows) {
    const text = config(fields);
    const [issue, ...others] = configIssues(text);
    assert.deepEqual(others, [], fields);
    assert.equal(text.slice(issue!.offset, issue!.offset + issue!.length), marked);
    const [fix] = issue!.fixes;
    assert.equal(fix!.title, `Change to ${repaired}`);
    assert.equal(checkRunConfig(applyEdits(text, fix!.edits)).ok, true, fields);
  }
});

test('marks what does not go with the model, and offers what does', () => {
  const text = config('"sparsify": { "method": "wanda", "pattern": "2:5" }');
  const [issue] = modelIssues(text, tinyFacts);
  assert.equal(text.slice(issue!.offset, issue!.offset + issue!.length), '"2:5"');
  assert.match(issue!.message, /Groups of 5 do not divide a width of 128/);
  assert.deepEqual(modelIssues(applyEdits(text, issue!.fixes[0]!.edits), tinyFacts), []);
  const [gate] = modelIssues(config('"sparsify": { "method": "dass" }'), ungated);
  assert.deepEqual([gate?.code, gate?.isError, gate?.fixes.length], ['gate', true, 3]);
  assert.deepEqual(modelIssues(config('"sparsify": { "method": "ours" }'), ungated), []);
});

test('lets widths that a search chooses leave a remainder, as the engine does', () => {
  const fields = '"sparsify": { "method": "dass", "pattern": "2:5" }';
  assert.equal(modelIssues(config(fields), tinyFacts).length, 1);
  assert.deepEqual(modelIssues(config(fields, 0.7), tinyFacts), []);
});

test('says what a comparison will leave out, as information', () => {
  const text = config('"compare": { "sparsity": ["dass"], "patterns": ["2:4", "3:7"] }');
  const found = modelIssues(text, ungated).map(({ isError, offset, length }) => [
    ...[isError, text.slice(offset, offset + length)],
  ]);
  assert.deepEqual(found, [
    [false, '"dass"'],
    [false, '"3:7"'],
  ]);
});

test('says nothing of sections that are not used', () => {
  assert.deepEqual(modelIssues(config('"sparsify": { "pattern": "2:5" }'), tinyFacts), []);
  assert.deepEqual(modelIssues('{', tinyFacts), []);
});

test('shows what a pattern keeps, that it is no faster, and what integers take', () => {
  const text = config(
    '"sparsify": { "method": "ours", "pattern": "2:4" }, "export": { "quantise": "int4" }',
  );
  const hints = configHints(text, tinyFacts);
  // MLPs hold 3 · 128 · 384 · 8 = 1,179,648 of 1,572,864 block parameters: 1 - 0.75 / 2 stay.
  const sparse = hints.find(({ label }) => label.includes('no faster'));
  assert.equal(sparse?.label, 'keeps 62.5% of block weights · no faster');
  assert.match(sparse.tooltip, /they save space, not time/);
  // (657,536 + 589,824) · 2.003 + 1,179,648 / 8 bytes.
  assert.match(sparse.tooltip, /2\.65 MB instead of 3\.68 MB \(71\.9%\)/);
  const integers = hints.find(({ label }) => label.startsWith('≈'));
  // 264,320 · 2.003 + 1,572,864 · 0.5625 bytes.
  assert.equal(integers?.label, '≈ 1.41 MB instead of 3.68 MB');
  assert.equal(text.slice(0, integers.offset).endsWith('"int4"'), true);
  for (const { label } of hints) assert.ok(label.length <= 43, label);
  assert.deepEqual(configHints(config('"sparsify": { "pattern": "2:4" }'), null), []);
});
