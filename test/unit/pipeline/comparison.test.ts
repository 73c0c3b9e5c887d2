import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { comparisonKey } from '../../../src/engine/pipeline/comparisonKey.ts';
import { ComparisonPace } from '../../../src/engine/pipeline/comparisonPace.ts';
import { fillDefaults } from '../../../src/protocol/configDefaults.ts';
import type { ResolvedConfig } from '../../../src/protocol/runConfig.ts';

describe('the key of a comparison', () => {
  const config: ResolvedConfig = {
    ...fillDefaults({ model: '/m', ratio: 0.5, text: '/t' }),
    name: 'a',
  };
  const hashes = { text: 'one', model: 'two', tokenizer: 'three' };
  const keyOf = (changes: Partial<ResolvedConfig>, other = hashes, path = '/x/a.jsonc'): string =>
    comparisonKey(path, { ...config, ...changes }, other);
  const key = keyOf({});

  it('is that of the config file and of what figures depend on, wherever it lies', () => {
    assert.match(key, /^[0-9a-f]{16}$/);
    for (const same of [
      keyOf({ name: 'b', ratio: 0.7, threads: 7, compare: { ...config.compare, scopes: [] } }),
      keyOf({ sparsify: { ...config.sparsify, method: 'dass' } }),
      keyOf({ export: { ...config.export, onnx: false } }),
      keyOf({ model: '/moved/m', text: '/moved/t' }, hashes, '/moved/a.jsonc'),
    ]) {
      assert.equal(same, key);
    }
    const others = [
      keyOf({ seed: 1 }),
      keyOf({ device: 'cpu' }),
      keyOf({ attention: 'tied' }),
      keyOf({ calibration: { windows: 1, length: 32 } }),
      keyOf({ evaluation: { ...config.evaluation, context: 32 } }),
      keyOf({}, { ...hashes, text: 'another' }),
      keyOf({}, hashes, '/x/b.jsonc'),
    ];
    assert.equal(new Set([key, ...others]).size, others.length + 1);
  });
});

describe('the time a comparison will take', () => {
  it('is that of rows of the same method, else of the same scope, else of any', () => {
    const pace = new ComparisonPace();
    const row = (method: string, scope: 'mlp' | 'all' | 'structured', pattern = '2:4') => ({
      ...{ method, scope, pattern },
    });
    assert.equal(pace.left([row('wanda', 'mlp')]), null);
    assert.equal(pace.left([]), 0);
    pace.made(row('dense', 'all', 'dense'), 100);
    assert.equal(pace.left([row('wanda', 'mlp'), row('ours', 'mlp')]), 200);
    pace.made(row('wanda', 'mlp'), 1000);
    pace.made(row('ours', 'mlp'), 3000);
    assert.equal(pace.left([row('wanda', 'mlp', '4:8')]), 1000);
    assert.equal(pace.left([row('dass', 'mlp')]), 2000);
    // The dense row says nothing of the others of its scope once there are any.
    assert.equal(pace.left([row('wanda', 'all')]), 4100 / 3);
    pace.made(row('magnitude', 'all'), 10);
    assert.equal(pace.left([row('wanda', 'all')]), 10);
  });

  it('is guessed from rows that were found until one is seen', () => {
    const pace = new ComparisonPace();
    const name = { method: 'paper', scope: 'structured', pattern: 'kept 50%' } as const;
    const figures = { seed: 0, perplexity: 3, nonzeroFraction: 0.5, params: 500 };
    pace.found({ ...name, ...figures, seconds: 48 });
    assert.equal(pace.left([name, name]), 96_000);
    pace.made(name, 6000);
    assert.equal(pace.left([name, name]), 12_000);
  });
});
