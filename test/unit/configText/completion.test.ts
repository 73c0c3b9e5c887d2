import assert from 'node:assert/strict';
import { test } from 'node:test';
import { completeConfig, type ConfigCompletion } from '../../../src/configText/completion.ts';
import type { KnownThings } from '../../../src/configText/suggestValues.ts';
import { applyEdits } from '../../../src/configText/textEdit.ts';
import { parseRunConfig } from '../../../src/protocol/parseRunConfig.ts';
import { tinyFacts } from './tinyFacts.ts';

const NOTHING: KnownThings = { models: [], texts: [], model: null };

/** Completions at the bar. */
function at(marked: string, known = NOTHING): readonly ConfigCompletion[] {
  return completeConfig(marked.replace('|', ''), marked.indexOf('|'), known);
}

function labels(marked: string, known = NOTHING): readonly string[] {
  return at(marked, known).map(({ label }) => label);
}

/** The text after a completion was taken; the cursor it leaves is the bar. */
function taken(marked: string, label: string, known = NOTHING): string {
  const item = at(marked, known).find((each) => each.label === label);
  assert.ok(item !== undefined, `${label} in ${labels(marked, known).join()}`);
  const content = item.snippet
    .replace(/\$\{0:(.*?)\}/, '$1|')
    .replace('$0', '|')
    .replaceAll('\\', '');
  return applyEdits(marked.replace('|', ''), [{ ...item.replaces, content }, ...item.alsoEdits]);
}

test('offers the fields a section does not have yet, before and behind the cursor', () => {
  const found = labels('{ "model": "m",\n  |\n  "ratio": 0.7, "text": "t" }');
  for (const name of ['model', 'ratio', 'text']) assert.ok(!found.includes(name), name);
  for (const name of ['heldout', 'seed', 'search']) assert.ok(found.includes(name), name);
  assert.deepEqual(labels('{ "search": { "ranges": { "mlp": [0.1, 1, 0.1], | } } }'), [
    'attention',
    'depth',
  ]);
});

test('says which fields are required, and explains each', () => {
  const items = at('{ | }');
  const model = items.find(({ label }) => label === 'model')!;
  assert.equal(model.detail, 'required');
  assert.match(model.documentation, /Folder of the model/);
  assert.ok(items.every(({ documentation }) => documentation !== ''));
});

const writes: readonly (readonly [string, string, string])[] = [
  ['{ | }', 'seed', '{ "seed": 0| }'],
  ['{ "se|" }', 'seed', '{ "seed": 0| }'],
  ['{ se| }', 'search', '{ "search": { | } }'],
  ['{ "se|": 3 }', 'seed', '{ "seed": 3 }'],
  ['{\n  |\n  "ratio": 1 }', 'seed', '{\n  "seed": 0|,\n  "ratio": 1 }'],
  ['{\n  "ratio": 1 // all\n  |\n}', 'seed', '{\n  "ratio": 1, // all\n  "seed": 0|\n}'],
  ['{ "se|', 'seed', '{ "seed": 0|'],
  ['{ | }', 'model', '{ "model": "|" }'],
  ['{ | }', '$schema', '{ "$schema": "|" }'],
  ['{ | }', 'device', '{ "device": | }'],
  ['{ "device": | }', '"webgpu"', '{ "device": "webgpu" }'],
  ['{ "device": "we|" }', '"webgpu"', '{ "device": "webgpu" }'],
  ['{ "device": "we|"\n "seed": 1 }', '"webgpu"', '{ "device": "webgpu",\n "seed": 1 }'],
  ['{ "search": { "enabled": f| } }', 'false', '{ "search": { "enabled": false } }'],
  [
    '{ "search": { "preset": "quick", "population": | } }',
    '24',
    '{ "search": { "preset": "quick", "population": 24 } }',
  ],
];
for (const [marked, label, expected] of writes) {
  test(`${JSON.stringify(marked)} + ${label} = ${JSON.stringify(expected)}`, () => {
    assert.equal(taken(marked, label), expected);
  });
}

test('explains each value of a choice by itself', () => {
  const obs = at('{ "importance": { "score": | } }').find(({ label }) => label === '"obs"')!;
  assert.match(obs.detail, /inverse Gram matrix/);
  assert.doesNotMatch(obs.detail, /wanda/);
});

test('offers the numbers of the presets, the chosen one first', () => {
  assert.deepEqual(labels('{ "search": { "preset": "quick", "generations": | } }'), ['8', '50']);
  assert.deepEqual(labels('{ "search": { "generations": | } }'), ['50', '8']);
});

test('offers the models and texts that are there', () => {
  const known: KnownThings = {
    models: [{ path: './tiny', detail: 'llama' }],
    texts: [{ path: './a "b".txt', detail: '' }],
    model: null,
  };
  assert.equal(taken('{ "model": "|" }', './tiny', known), '{ "model": "./tiny" }');
  assert.equal(at('{ "model": | }', known)[0]!.kind, 'folder');
  assert.equal(at('{ "text": | }', known)[0]!.filter, '"./a \\"b\\".txt"');
  assert.equal(at('{ "heldout": | }', known)[0]!.kind, 'file');
});

test('counts with the model of the config', () => {
  const known = { ...NOTHING, model: tinyFacts };
  const [first] = at('{ "ratio": | }', known);
  assert.equal(first!.detail, 'keeps 1.42 M of 1.57 M block parameters');
  const depth = at('{ "search": { "ranges": { "depth": | } } }', known);
  assert.deepEqual(
    depth.map(({ label, detail }) => [label, detail]),
    [
      ['[1, 1]', 'never removes a block'],
      ['[0.875, 1]', 'keeps 7 to 8 of 8 blocks'],
      ['[0.75, 1]', 'keeps 6 to 8 of 8 blocks'],
    ],
  );
});

test('is silent in comments, outside the braces, in lists and before a colon', () => {
  for (const marked of [
    '| {}',
    '{} |',
    '{ // | \n }',
    '{ /* | */ }',
    '{ "a" | }',
    '[ | ]',
    '{ "search": [ | ] }',
  ]) {
    assert.deepEqual(labels(marked), [], marked);
  }
});

test('offers a whole config in an empty file, with the first model and text there are', () => {
  const known = {
    ...NOTHING,
    models: [{ path: './tiny', detail: '' }],
    texts: [{ path: './wiki.txt', detail: '' }],
  };
  const after = taken('|', 'run config', known);
  const config = parseRunConfig(after, 'a');
  assert.deepEqual([config.model, config.text], ['./tiny', './wiki.txt']);
});

test('every recipe makes a config that is right, and is offered only where it fits', () => {
  const text = '{ "model": "m", "ratio": 0.7, "text": "t", | }';
  const recipes = at(text).filter(({ kind }) => kind === 'snippet');
  assert.ok(recipes.length >= 3);
  for (const { label } of recipes) parseRunConfig(taken(text, label), label);
  const others = at('{ "search": {}, | }').filter(({ kind }) => kind === 'snippet');
  assert.ok(others.every(({ snippet }) => !snippet.includes('"search"')));
  assert.deepEqual(
    at('{ "search": { | } }').filter(({ kind }) => kind === 'snippet'),
    [],
  );
});
