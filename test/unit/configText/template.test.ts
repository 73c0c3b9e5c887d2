import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configTemplate } from '../../../src/configText/template.ts';
import { purposeRecipes } from '../../../src/configText/recipes.ts';
import { configLenses } from '../../../src/configText/lenses.ts';
import { parseRunConfig } from '../../../src/protocol/parseRunConfig.ts';

test('the template is a config that runs, with what it was given', () => {
  const text = configTemplate({ model: './a "b"', text: './t.txt', ratio: 0.7 });
  assert.deepEqual(parseRunConfig(text, 'a'), {
    model: './a "b"',
    ratio: 0.7,
    text: './t.txt',
    search: { preset: 'quick' },
  });
  const full = configTemplate({ model: 'm', text: 't', ratio: 0.5, heldout: 'h', name: 'n' });
  const { heldout, name } = parseRunConfig(full, 'a');
  assert.deepEqual([heldout, name], ['h', 'n']);
});

test('each option that it has commented out is right', () => {
  const text = configTemplate({ model: 'm', text: 't', ratio: 0.7 });
  const options = text.match(/\/\/ (?="\w+":)/g) ?? [];
  assert.ok(options.length >= 6);
  parseRunConfig(text.replaceAll(/\/\/ (?="\w+":)/g, ''), 'a');
});

test('the buttons stand above the brace, the last one only when there is a result', () => {
  const text = '// a\n{ "model": "m" }';
  const [place, ...others] = configLenses(text, { hasResult: true, canRun: true });
  assert.equal(place?.offset, 5);
  assert.deepEqual(
    place.lenses.map(({ action }) => action),
    ['run', 'dryRun', 'compareMethods', 'openLastResult'],
  );
  assert.deepEqual(others, []);
  assert.equal(configLenses(text, { hasResult: false, canRun: true })[0]?.lenses.length, 3);
  const inRestrictedMode = (hasResult: boolean) =>
    configLenses(text, { hasResult, canRun: false }).flatMap(({ lenses }) =>
      lenses.map(({ action }) => action),
    );
  assert.deepEqual(inRestrictedMode(true), ['openLastResult']);
  assert.deepEqual(inRestrictedMode(false), []);
  assert.deepEqual(configLenses('[]', { hasResult: true, canRun: true }), []);
});

test('sections with an action of their own have its button above their names', () => {
  const text = '{ "model": "m",\n"sparsify": {},\n"compare": {} }';
  const [, sparsify, compare] = configLenses(text, { hasResult: false, canRun: true });
  assert.ok(text.slice(sparsify!.offset).startsWith('"sparsify"'));
  assert.equal(sparsify!.lenses[0]!.action, 'run');
  assert.ok(text.slice(compare!.offset).startsWith('"compare"'));
  assert.equal(compare!.lenses[0]!.action, 'compareMethods');
});

test('a config for a purpose is right, writes nothing twice, and is honest about speed', () => {
  for (const recipe of purposeRecipes) {
    const text = configTemplate({ model: 'm', text: 't', ratio: recipe.ratio, recipe });
    const config = parseRunConfig(text, 'a');
    for (const { name } of recipe.fields) assert.ok(name in config, name);
    parseRunConfig(text.replaceAll(/\/\/ (?="\w+":)/g, ''), 'a');
    if (recipe.fields.some(({ name }) => name === 'sparsify')) {
      assert.match(text, /no faster|not time/, recipe.label);
    }
  }
});
