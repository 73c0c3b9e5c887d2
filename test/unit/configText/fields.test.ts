import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setField } from '../../../src/configText/edits.ts';
import { configFields } from '../../../src/configText/fields.ts';
import { applyEdits } from '../../../src/configText/textEdit.ts';
import { checkRunConfig } from '../../../src/protocol/parseRunConfig.ts';
import type { ConfigField } from '../../../src/protocol/panelApi.ts';

const text = `{
  "model": "m", "ratio": 0.7, "text": "t",
  "calibration": { "windows": 64 },
  "search": { "preset": "quick", "top": 3 },
}`;

function field(path: string, of = text): ConfigField {
  const found = configFields(of).find((each) => each.path.join('.') === path);
  assert.ok(found !== undefined, path);
  return found;
}

test('gives the written value, else what the run would take', () => {
  assert.deepEqual([field('ratio').value, field('ratio').isDefault], [0.7, false]);
  assert.deepEqual([field('seed').value, field('seed').isDefault], [0, true]);
  assert.deepEqual([field('search.population').value, field('search.top').value], [24, 3]);
  assert.equal(field('search.population', '{}').value, 100);
  assert.deepEqual([field('reform.windows').value, field('reform.windows', '{}').value], [64, 128]);
  assert.deepEqual([field('name').value, field('model', '{}').value], [null, null]);
});

test('tells type, choices and bounds', () => {
  const { type, choices } = field('device');
  assert.deepEqual([type, choices[0]], ['choice', 'auto']);
  const { minimum, maximum } = field('search.alpha');
  assert.deepEqual([minimum, maximum], [0, 1]);
  assert.equal(field('export.onnx').type, 'switch');
});

test('leaves lists and free forms to the text', () => {
  const names = configFields(text).map(({ path }) => path.join('.'));
  for (const name of ['$schema', 'search.ranges.mlp', 'reform.damping']) {
    assert.ok(!names.includes(name), name);
  }
  assert.ok(names.length > 30);
});

test('writing the value of any field back leaves a config that is right', () => {
  for (const { path, value } of configFields(text)) {
    if (value === null) continue;
    const after = applyEdits(text, setField(text, path, value));
    assert.ok(checkRunConfig(after).ok, path.join('.'));
  }
});

test('lists what the method reads, with its values', () => {
  const names = (text: string): string[] => configFields(text).map(({ path }) => path.join('.'));
  const base = '{"model": "m", "ratio": 0.7, "text": "t", "method"';
  const levels = names(`${base}: "levels"}`);
  const paper = names(`${base}: "paper"}`);
  assert.deepEqual(
    levels.filter((name) => !paper.includes(name)),
    ['levels.diskGB'],
  );
  for (const name of ['attention', 'importance.score', 'search.top', 'search.mutation.mask']) {
    assert.ok(paper.includes(name) && !levels.includes(name), name);
  }
  const population = configFields(`${base}: "levels"}`).find(
    ({ path }) => path.join('.') === 'search.population',
  );
  assert.equal(population?.value, 12);
});
