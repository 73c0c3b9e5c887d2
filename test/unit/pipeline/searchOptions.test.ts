import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRunConfig } from '../../../src/protocol/parseRunConfig.ts';
import { evolveOptionsOf, spaceOf } from '../../../src/engine/pipeline/searchOptions.ts';
import { resolveConfig } from '../../../src/engine/runs/resolveConfig.ts';
import { methodAOptions, quickOptions } from '../../../src/engine/search/options.ts';

function configOf(search: string, ratio = 0.5) {
  const text = `{"model":"m","ratio":${ratio},"text":"t","search":${search}}`;
  return resolveConfig(parseRunConfig(text, 'a'), '/x/a.subnet.jsonc');
}

test('the presets of the config are the presets of the search', () => {
  assert.deepEqual(evolveOptionsOf(configOf('{"preset":"methodA"}').search), methodAOptions);
  assert.deepEqual(evolveOptionsOf(configOf('{"preset":"quick"}').search), quickOptions);
});

test('ranges that are left open are those of the paper for the ratio and depth', () => {
  const space = spaceOf(configOf('{}', 0.5), 32);
  assert.deepEqual(space.attention, { least: 0.6, most: 1, step: 0.01 });
  assert.deepEqual(space.depth, { least: 28, most: 32 });
  const own = spaceOf(configOf('{"ranges":{"mlp":[0.3,0.9,0.1],"depth":[0.5,1]}}'), 12);
  assert.deepEqual(own.mlp, { least: 0.3, most: 0.9, step: 0.1 });
  assert.deepEqual(own.depth, { least: 6, most: 12 });
});
