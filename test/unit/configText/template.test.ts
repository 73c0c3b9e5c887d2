import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configTemplate } from '../../../src/configText/template.ts';
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
  const place = configLenses(text, { hasResult: true });
  assert.equal(place?.offset, 5);
  assert.deepEqual(
    place.lenses.map(({ action }) => action),
    ['run', 'dryRun', 'openLastResult'],
  );
  assert.equal(configLenses(text, { hasResult: false })?.lenses.length, 2);
  assert.equal(configLenses('[]', { hasResult: true }), null);
});
