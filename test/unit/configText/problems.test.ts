import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configIssues, type ConfigIssue } from '../../../src/configText/problems.ts';
import { applyEdits } from '../../../src/configText/textEdit.ts';
import { checkRunConfig } from '../../../src/protocol/parseRunConfig.ts';

const BASE = '"model": "m", "ratio": 0.7, "text": "t"';

function only(text: string): ConfigIssue {
  const issues = configIssues(text);
  assert.equal(issues.length, 1, JSON.stringify(issues));
  return issues[0]!;
}

function marked(text: string, { offset, length }: ConfigIssue): string {
  return text.slice(offset, offset + length);
}

/** kind, what is added to a good config, what is marked, the first repair, the text after it */
const rows: readonly (readonly [string, string, string, string, string])[] = [
  ['unknown', '"sede": 3', '"sede"', 'Change to "seed"', '"seed": 3'],
  [
    'unknown',
    '"population": 9',
    '"population"',
    'Move to "search.population"',
    '"search": { "population": 9 }',
  ],
  ['unknown', '"zzz": 9', '"zzz"', 'Remove "zzz"', ''],
  ['unknown', '"a.b": 9', '"a.b"', 'Remove "a.b"', ''],
  ['value', '"seed": -4', '-4', 'Change to 0', '"seed": 0'],
  ['value', '"seed": 1.4', '1.4', 'Change to 1', '"seed": 1'],
  ['value', '"device": "cup"', '"cup"', 'Change to "cpu"', '"device": "cpu"'],
  ['value', '"export": { "onnx": "no" }', '"no"', 'Change to false', '"export": { "onnx": false }'],
  ['value', '"search": 3', '3', 'Remove "search" and use its defaults', ''],
  ['value', '"search": { "alpha": 40 }', '40', 'Change to 0.4', '"search": { "alpha": 0.4 }'],
  [
    'sense',
    '"search": { "top": 200 }',
    '200',
    'Change "search.top" to 100',
    '"search": { "top": 100 }',
  ],
  [
    'sense',
    '"method": "levels", "attention": "tied"',
    '"tied"',
    'Remove "attention"',
    '"method": "levels"',
  ],
  [
    'sense',
    '"method": "levels", "search": { "ranges": { "mlp": [0.1, 1, 0.1] } }',
    '{ "mlp": [0.1, 1, 0.1] }',
    'Remove "search.ranges"',
    '"method": "levels"',
  ],
  [
    'sense',
    '"method": "paper", "levels": { "diskGB": 3 }',
    '{ "diskGB": 3 }',
    'Remove "levels"',
    '"method": "paper"',
  ],
  [
    'sense',
    '"search": { "mutations": 90 }',
    '90',
    'Change "search.population" to 120',
    '"search": { "mutations": 90, "population": 120 }',
  ],
  [
    'sense',
    '"search": { "ranges": { "mlp": [1, 0.5, 0.1] } }',
    '[1, 0.5, 0.1]',
    'Change to [0.5, 1, 0.1]',
    '"search": { "ranges": { "mlp": [0.5, 1, 0.1] } }',
  ],
];
for (const [kind, added, place, title, repaired] of rows) {
  test(`${added} is marked at ${place} and repaired by "${title}"`, () => {
    const text = `{ ${BASE}, ${added} }`;
    const issue = only(text);
    assert.equal(issue.kind, kind);
    assert.equal(marked(text, issue), place);
    const [fix] = issue.fixes;
    assert.equal(fix?.title, title);
    assert.ok(fix.preferred);
    const after = applyEdits(text, fix.edits);
    assert.equal(after.replace(/,? \}$/, ''), `{ ${BASE}${repaired === '' ? '' : `, ${repaired}`}`);
  });
}

test('a share written as a percentage is read as one', () => {
  const text = '{ "model": "m", "ratio": 70, "text": "t" }';
  const titles = only(text).fixes.map(({ title }) => title);
  assert.deepEqual(titles, ['Change to 0.7', 'Change to 1']);
});

test('a field written twice is marked at the second, which goes', () => {
  const text = `{\n  ${BASE},\n  "ratio": 0.5, // or this\n}`;
  const issue = only(text);
  assert.equal(issue.kind, 'repeated');
  assert.equal(issue.offset, text.lastIndexOf('"ratio"'));
  assert.equal(applyEdits(text, issue.fixes[0]!.edits), `{\n  ${BASE},\n  // or this\n}`);
});

test('missing fields are told in plain words and can be added all at once', () => {
  const issues = configIssues('{\n  "text": "t", // words\n}\n');
  assert.deepEqual(
    issues.map(({ kind, message }) => [kind, message]),
    [
      ['missing', 'The field "model" is missing.'],
      ['missing', 'The field "ratio" is missing.'],
    ],
  );
  const all = issues[0]!.fixes[1]!;
  assert.equal(all.title, 'Add all missing fields');
  const after = applyEdits('{\n  "text": "t", // words\n}\n', all.edits);
  assert.ok(checkRunConfig(after).ok, after);
  assert.ok(after.includes('"text": "t", // words\n'));
});

test('an unknown field says what may have been meant', () => {
  assert.equal(
    only(`{ ${BASE}, "serach": {} }`).message,
    'Unknown field "serach"; did you mean "search"?',
  );
});

test('a text that is no JSON has problems of syntax and no repairs', () => {
  for (const text of ['{ "model": "m" "ratio": 1 }', '{', 'model: m']) {
    const issues = configIssues(text);
    assert.ok(issues.length > 0);
    for (const { kind, fixes } of issues) assert.deepEqual([kind, fixes], ['syntax', []]);
  }
});

test('a syntax error says what is missing', () => {
  assert.equal(
    configIssues('{\n "model": "m",\n "ratio": }')[0]?.message,
    'Syntax error: a value is missing.',
  );
});

test('a value of any kind where a number is wanted loses no other problem', () => {
  const messages = configIssues('{ "model": "m", "ratio": 7, "text": "t", "seed": {} }').map(
    ({ message }) => message,
  );
  assert.deepEqual(messages, [
    '"ratio" must be a number above 0 and at most 1, not 7.',
    '"seed" must be a whole number from 0 to 4294967295, not {}.',
  ]);
});

test('JSON without an object is a problem of its root', () => {
  for (const text of ['', ' // nothing\n', '[]', '3']) {
    const kinds = configIssues(text).map(({ kind }) => kind);
    assert.deepEqual(kinds, [text.includes('//') ? 'syntax' : 'root'], text);
  }
});

test('a good config has no problems', () => {
  assert.deepEqual(configIssues(`{ ${BASE} }`), []);
});

test('an empty file is repaired by the template', () => {
  const issue = only(' \n');
  assert.match(issue.message, /needs "model", "ratio" and "text"/);
  assert.ok(checkRunConfig(applyEdits(' \n', issue.fixes[0]!.edits)).ok);
});
