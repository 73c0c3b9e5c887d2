import fc from 'fast-check';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse, type ParseError } from 'jsonc-parser';
import { propertyNode, readConfigTree } from '../../../src/configText/configTree.ts';
import { type FieldValue, removeField, setField } from '../../../src/configText/edits.ts';
import { applyEdits, invertEdits } from '../../../src/configText/textEdit.ts';
import { isEngineError } from '../../../src/protocol/errors.ts';
import { propertyOptions } from '../../property/propertyOptions.ts';

function afterSet(text: string, path: string, value: FieldValue): string {
  return applyEdits(text, setField(text, path.split('.'), value));
}

function afterRemove(text: string, path: string): string {
  return applyEdits(text, removeField(text, path.split('.')));
}

const rows: readonly (readonly [string, string, string, FieldValue, string])[] = [
  ['replaces a value', '{ "ratio": 0.5, // half\n}', 'ratio', 0.7, '{ "ratio": 0.7, // half\n}'],
  [
    'adds behind the comment of its neighbour',
    '{\n  "ratio": 0.5, // half\n  "text": "t", // words\n}\n',
    'seed',
    3,
    '{\n  "ratio": 0.5, // half\n  "text": "t", // words\n  "seed": 3,\n}\n',
  ],
  [
    'puts the missing comma before the comment',
    '{\n  "text": "t" // words\n}\n',
    'seed',
    3,
    '{\n  "text": "t", // words\n  "seed": 3\n}\n',
  ],
  [
    'keeps the order of the documentation',
    '{\n\t"model": "m",\n\t"text": "t",\n\t"search": {}\n}',
    'ratio',
    0.5,
    '{\n\t"model": "m",\n\t"ratio": 0.5,\n\t"text": "t",\n\t"search": {}\n}',
  ],
  [
    'stays on the line of a one-line section',
    '{ "search": { "windows": 16, "length": 256 } }',
    'search.population',
    24,
    '{ "search": { "windows": 16, "length": 256, "population": 24 } }',
  ],
  [
    'goes between two on one line',
    '{ "search": { "windows": 16, "top": 2 } }',
    'search.population',
    24,
    '{ "search": { "windows": 16, "population": 24, "top": 2 } }',
  ],
  [
    'keeps a trailing comma on one line',
    '{ "search": { "windows": 16, }, }',
    'search.top',
    2,
    '{ "search": { "windows": 16, "top": 2, }, }',
  ],
  [
    'makes the sections it needs',
    '{\n  "text": "t",\n}',
    'search.mutation.mask',
    0.5,
    '{\n  "text": "t",\n  "search": { "mutation": { "mask": 0.5 } },\n}',
  ],
  ['fills an empty file', '{}', 'ratio', 0.5, '{\n  "ratio": 0.5,\n}'],
  ['fills an empty section', '{"search": {}}', 'search.top', 2, '{"search": { "top": 2 }}'],
  [
    'goes behind comments that stand alone',
    '{\n  // nothing yet\n}',
    'ratio',
    0.5,
    '{\n  // nothing yet\n  "ratio": 0.5\n}',
  ],
  [
    'keeps the line ends of the file',
    '{\r\n  "text": "t",\r\n}\r\n',
    'seed',
    1,
    '{\r\n  "text": "t",\r\n  "seed": 1,\r\n}\r\n',
  ],
  [
    'writes a list',
    '{"a": 1}',
    'search.ranges.depth',
    [0.9, 1],
    '{"a": 1, "search": { "ranges": { "depth": [0.9, 1] } }}',
  ],
];
for (const [name, text, path, value, expected] of rows) {
  test(`setting a field ${name}`, () => {
    assert.equal(afterSet(text, path, value), expected);
  });
}

const removals: readonly (readonly [string, string, string, string])[] = [
  [
    'takes its line',
    '{\n  "a": 1,\n  "seed": 2,\n  "b": 3\n}',
    'seed',
    '{\n  "a": 1,\n  "b": 3\n}',
  ],
  ['leaves its comment', '{\n  "seed": 2, // why\n  "b": 3\n}', 'seed', '{\n  // why\n  "b": 3\n}'],
  [
    'takes the comma of the one before when it was the last',
    '{\n  "a": 1,\n  "seed": 2\n}',
    'seed',
    '{\n  "a": 1\n}',
  ],
  [
    'takes an emptied section',
    '{\n  "a": 1,\n  "search": { "top": 2 },\n}',
    'search.top',
    '{\n  "a": 1,\n}',
  ],
  [
    'leaves a section that holds a comment',
    '{\n  "search": { /* mine */ "top": 2 },\n}',
    'search.top',
    '{\n  "search": { /* mine */ },\n}',
  ],
  ['does nothing when there is none', '{ "a": 1 }', 'search.top', '{ "a": 1 }'],
];
for (const [name, text, path, expected] of removals) {
  test(`removing a field ${name}`, () => {
    assert.equal(afterRemove(text, path), expected);
  });
}

test('a text without an object, or a path through a value, is refused', () => {
  for (const text of ['', '[]', '{"search": 3}', '{"search": [1]}']) {
    assert.throws(
      () => setField(text, ['search', 'top'], 1),
      (error) => isEngineError(error, 'config'),
      text,
    );
  }
});

/** Fields of the generated texts, and those that are set. */
const paths = [
  'model',
  'ratio',
  'seed',
  'search.top',
  'search.windows',
  'search.mutation.mask',
  'reform.rho',
];
const remark = fc.constantFrom(
  '',
  '',
  ' ',
  '\n',
  ' // a "b": {1},\n',
  '/* c, } */',
  '\n  // d\n\n',
  '\r\n',
);
const scalar = fc.oneof(
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => (n === 0 ? 0 : n)),
  fc.boolean(),
  fc.string(),
);

/** Objects with comments anywhere, with and without trailing commas. */
const configText = fc
  .tuple(
    fc.array(fc.tuple(fc.constantFrom(...paths), scalar)),
    fc.infiniteStream(remark),
    fc.boolean(),
  )
  .map(([fields, remarks, trailing]) => {
    const space = (): string => remarks.next().value as string;
    const tree: Record<string, unknown> = {};
    for (const [path, value] of fields) {
      const names = path.split('.');
      let at = tree;
      for (const name of names.slice(0, -1)) at = (at[name] ??= {}) as Record<string, unknown>;
      at[names.at(-1)!] = value;
    }
    const write = (value: unknown): string => {
      if (typeof value !== 'object' || value === null) return JSON.stringify(value);
      const members = Object.entries(value).map(
        ([key, child]) =>
          `${space()}${JSON.stringify(key)}${space()}:${space()}${write(child)}${space()}`,
      );
      const tail = trailing && members.length > 0 ? ',' : '';
      return `{${members.join(',')}${tail}${space()}}`;
    };
    return `${space()}${write(tree)}${space()}`;
  });

const NOWHERE = { offset: 0, length: 0 };

function commentsOf(text: string): string[] {
  return (text.match(/\/\/ a "b": \{1\},|\/\* c, \} \*\/|\/\/ d/g) ?? []).sort();
}

function valueAt(text: string, path: string): unknown {
  const errors: ParseError[] = [];
  let value = parse(text, errors, { allowTrailingComma: true }) as unknown;
  assert.deepEqual(errors, [], text);
  for (const name of path.split('.')) {
    value = (value as Record<string, unknown> | undefined)?.[name];
  }
  return value;
}

test('setting any field of any text keeps every comment, gives the value, and can be undone', () => {
  fc.assert(
    fc.property(configText, fc.constantFrom(...paths), scalar, (text, path, value) => {
      const edits = setField(text, path.split('.'), value);
      const after = applyEdits(text, edits);
      assert.deepEqual(valueAt(after, path), value, after);
      assert.deepEqual(commentsOf(after), commentsOf(text), after);
      assert.equal(applyEdits(after, invertEdits(text, edits)), text);
    }),
    propertyOptions({ numRuns: 1000 }),
  );
});

test('removing any field of any text keeps every comment and every other field', () => {
  fc.assert(
    fc.property(configText, fc.constantFrom(...paths), (text, path) => {
      const edits = removeField(text, path.split('.'));
      const after = applyEdits(text, edits);
      const { offset, length } = propertyNode(readConfigTree(text), path.split('.')) ?? NOWHERE;
      // What is said inside the property, between its key and its value, goes with it.
      const around = text.slice(0, offset) + text.slice(offset + length);
      assert.deepEqual(commentsOf(after), commentsOf(around), after);
      assert.equal(applyEdits(after, invertEdits(text, edits)), text);
      for (const other of paths) {
        assert.deepEqual(
          valueAt(after, other),
          other === path ? undefined : valueAt(text, other),
          after,
        );
      }
    }),
    propertyOptions({ numRuns: 1000 }),
  );
});
