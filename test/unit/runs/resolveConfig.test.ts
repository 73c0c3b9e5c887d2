import assert from 'node:assert/strict';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { resolveConfig } from '../../../src/engine/runs/resolveConfig.ts';
import { isEngineError } from '../../../src/protocol/errors.ts';
import { parseRunConfig } from '../../../src/protocol/parseRunConfig.ts';

test('makes paths absolute, from the folder of the config', () => {
  const config = parseRunConfig('{"model":"../m","ratio":0.7,"text":"~/t","heldout":"/h"}', 'a');
  const full = resolveConfig(config, '/x/y/smol.subnet.jsonc');
  assert.equal(full.model, '/x/m');
  assert.equal(full.text, join(homedir(), 't'));
  assert.equal(full.heldout, '/h');
  assert.equal(full.name, 'smol');
});

test('needs a home only for a path that begins there', () => {
  const before = process.env['HOME'];
  process.env['HOME'] = '';
  try {
    assert.equal(resolve('{"model":"m","ratio":0.7,"text":"t"}').model.endsWith('/m'), true);
    assert.throws(
      () => resolve('{"model":"~/m","ratio":0.7,"text":"t"}'),
      (error) => isEngineError(error, 'config') && /set HOME/.test(error.message),
    );
  } finally {
    if (before === undefined) delete process.env['HOME'];
    else process.env['HOME'] = before;
  }
});

test('leaves nothing undefined', () => {
  const full = resolve('{"model":"m","ratio":0.7,"text":"t"}');
  const holes = JSON.stringify(full, (_, value: unknown) => value ?? 'HOLE').match(/HOLE/g) ?? [];
  assert.equal(holes.length, 5, 'only heldout, the shifted text and the ranges are null');
  assert.deepEqual(Object.keys(full.search).length, 15);
});

test('has the published numbers as the preset', () => {
  const { search } = resolve('{"model":"m","ratio":0.5,"text":"t"}');
  assert.deepEqual(search.ranges, { attention: null, mlp: null, depth: null });
  const { population, top, generations, mutations, crossovers, alpha, mutation } = search;
  assert.deepEqual(
    [population, top, generations, mutations, crossovers, alpha],
    [100, 10, 50, 50, 30, 0.8],
  );
  assert.deepEqual(mutation, {
    depth: 0.1,
    ratio: 0.1,
    mask: 0.3,
    initialRatio: 0.3,
    initialMask: 0.6,
  });
});

test('lets the user win over the preset, and the command line over the user', () => {
  const config = parseRunConfig(
    '{"model":"m","ratio":0.7,"text":"t","seed":1,"search":{"preset":"quick","top":2,' +
      '"mutation":{"mask":0.9}},"calibration":{"windows":7},"reform":{"damping":0.5}}',
    'a',
  );
  const full = resolveConfig(config, '/x/a.jsonc', { seed: 9, name: 'other', device: 'cpu' });
  assert.deepEqual([full.seed, full.name, full.device], [9, 'other', 'cpu']);
  assert.deepEqual([full.search.top, full.search.population], [2, 24]);
  assert.deepEqual([full.search.mutation.mask, full.search.mutation.depth], [0.9, 0.1]);
  assert.deepEqual(full.reform.damping, [0.5]);
  assert.equal(full.reform.windows, 7);
  assert.equal(full.calibration.length, 2048);
});

function resolve(text: string) {
  return resolveConfig(parseRunConfig(text, 'a'), '/x/a.subnet.jsonc');
}
