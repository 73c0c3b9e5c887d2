import fc from 'fast-check';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isEngineError } from '../../../src/protocol/errors.ts';
import { checkRunConfig, parseRunConfig } from '../../../src/protocol/parseRunConfig.ts';
import { propertyOptions } from '../../property/propertyOptions.ts';

const small = '{"model": "m", "ratio": 0.7, "text": "t"}';

test('takes comments, trailing commas and a byte order mark', () => {
  const config = parseRunConfig(
    '\uFEFF// first\n{\n "model": "m", /* folder */\n "ratio": 0.7,\n "text": "t",\n}\n',
    'a',
  );
  assert.deepEqual(config, { model: 'm', ratio: 0.7, text: 't' });
});

const rows: readonly (readonly [string, string, RegExp])[] = [
  ['an empty text', '', /a:1:1: a value is missing\./],
  ['a list', '[]', /the config must be an object .*not a JSON array/],
  ['a missing comma', '{"model": "m" "ratio": 1}', /a:1:15: a comma is missing\./],
  ['a missing field', '{"model": "m", "ratio": 0.7}', /a:1:1: the field "text" is missing/],
  [
    'a ratio of 0',
    with1('"ratio": 0.7', '"ratio": 0'),
    /a:1:25: "ratio" must be .*above 0 and at most 1/,
  ],
  ['a ratio above 1', with1('"ratio": 0.7', '"ratio": 70'), /not 70/],
  ['a ratio in words', with1('"ratio": 0.7', '"ratio": "70%"'), /not "70%"/],
  ['an infinite ratio', with1('"ratio": 0.7', '"ratio": 1e999'), /at most 1/],
  ['a misspelt field', add('"devise": "cpu"'), /field "devise"; did you mean "device"\?/],
  ['two swapped letters', add('"sede": 3'), /field "sede"; did you mean "seed"\?/],
  ['a misplaced and misspelt field', add('"popluation": 9'), /did you mean "search.population"\?/],
  ['a misplaced field', add('"population": 9'), /did you mean "search.population"\?/],
  [
    'a misspelt inner field',
    add('"search": {"tops": 3}'),
    /field "search.tops"; did you mean "top"\?/,
  ],
  ['a field written twice', add('"ratio": 0.5'), /"ratio" is written a second time/],
  ['an unknown name', add('"device": "gpu"'), /one of "auto", "cpu".*not "gpu"/],
  ['a section that is none', add('"search": 3'), /"search" must be an object/],
  ['a range of two', add('"search": {"ranges": {"mlp": [0.1, 1]}}'), /a list of 3/],
  [
    'a range upside down',
    add('"search": {"ranges": {"mlp": [1, 0.5, 0.1]}}'),
    /the lower one first, not 1 and 0\.5/,
  ],
  [
    'more parents than children',
    add('"search": {"top": 200}'),
    /at most 100 \(the population\), not 200/,
  ],
  [
    'more offspring than children',
    add('"search": {"mutations": 90}'),
    /at most 100 together with "crossovers" \(the population\), not 90 and 30/,
  ],
  [
    'a ratio that the ranges forbid',
    add(
      '"search": {"ranges": {"attention": [0.8, 1, 0.1], "mlp": [0.8, 1, 0.1], "depth": [1, 1]}}',
    ),
    /a:1:25: "ratio" must be a ratio from 0.8 to 1/,
  ],
  ['a damping that is none', add('"reform": {"damping": "best"}'), /"auto", or a number/],
  ['__proto__', add('"__proto__": {"seed": 1}'), /unknown field "__proto__"/],
  ['half a number', add('"seed": 0.5'), /"seed" must be a whole number from 0/],
];
for (const [name, text, pattern] of rows) {
  test(`refuses ${name} at its line and column`, () => {
    assert.throws(
      () => parseRunConfig(text, 'a'),
      (error) => isEngineError(error, 'config') && pattern.test(error.message),
      checkText(text),
    );
  });
}

test('tells several problems together, in the order of the text', () => {
  const check = checkRunConfig('{\n "ratio": 7,\n "texts": "t",\n "search": {\n  "top": "x" } }');
  assert.ok(!check.ok);
  assert.deepEqual(
    check.problems.map(({ line, column, field }) => `${line}:${column} ${field}`),
    ['1:1 model', '1:1 text', '2:11 ratio', '3:2 texts', '5:10 search.top'],
  );
});

test('tells at most a dozen of very many problems', () => {
  const many = Array.from({ length: 500 }, (_, i) => `"x${i}": 1`).join(',');
  assert.throws(() => parseRunConfig(`{${many}}`, 'a'), /503 problems[^]*and 491 more/);
});

test('refuses hostile texts without hanging', () => {
  assert.match(checkText('['.repeat(200_000)), /nested too deep/);
  assert.match(checkText(' '.repeat(2 << 20)), /at most 1 MiB/);
});

test('never throws anything but its own error, whatever is done to a good text', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(200), fc.constantFrom(...'{}[]",:0a\\/\n\0-é'.split(''))), {
        maxLength: 6,
      }),
      (edits) => {
        let text = add('"search": {"ranges": {"mlp": [0.1, 1, 0.05]}}, "reform": {"rho": 2}');
        for (const [at, letter] of edits) {
          const place = at % text.length;
          text = text.slice(0, place) + letter + text.slice(place + 1);
        }
        const check = checkRunConfig(text);
        assert.ok(check.ok || check.problems.length > 0);
      },
    ),
    propertyOptions({ numRuns: 2000 }),
  );
});

function with1(old: string, now: string): string {
  assert.ok(small.includes(old));
  return small.replace(old, now);
}

function add(field: string): string {
  return `${small.slice(0, -1)}, ${field}}`;
}

function checkText(text: string): string {
  const check = checkRunConfig(text);
  return check.ok ? 'ok' : JSON.stringify(check.problems[0]);
}
