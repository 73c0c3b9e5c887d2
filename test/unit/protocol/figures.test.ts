import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { comparableKey } from '../../../src/protocol/comparableKey.ts';
import type { EvaluatedOn } from '../../../src/protocol/evaluatedOn.ts';
import { decodeValue } from '../../../src/protocol/decode.ts';
import { isEngineError } from '../../../src/protocol/errors.ts';
import { perplexityOfSum, perplexityValue } from '../../../src/protocol/perplexity.ts';
import { figureSchema } from '../../../src/protocol/runRecord.ts';
import { speedAgainstDense, speedChange } from '../../../src/protocol/speedChange.ts';
import type { RatioToDense, Timing } from '../../../src/protocol/timing.ts';

describe('a perplexity', () => {
  it('is the exponential of the mean loss, and null where that is infinite', () => {
    assert.deepEqual(perplexityOfSum(4 * Math.log(3), 4), {
      perplexity: Math.exp(Math.log(3)),
      lossNats: Math.log(3),
      tokens: 4,
    });
    assert.deepEqual(perplexityOfSum(1420, 2), { perplexity: null, lossNats: 710, tokens: 2 });
    assert.ok(perplexityOfSum(709, 1).perplexity! > 8e307);
    assert.equal(
      JSON.stringify(perplexityOfSum(1420, 2)),
      '{"perplexity":null,"lossNats":710,"tokens":2}',
    );
    assert.ok(perplexityValue(null) > perplexityValue(1e308));
  });

  it('of no number is an error that says where to look', () => {
    for (const sum of [NaN, Infinity]) {
      assert.throws(
        () => perplexityOfSum(sum, 2),
        (error) => isEngineError(error, 'numeric') && /Check the weights/.test(error.message),
      );
    }
  });

  it('compares only with those of the same model, tokenizer, text and windows', () => {
    const on: EvaluatedOn = {
      ...{ text: 'a', share: 0.1, context: 64, windows: 4, tokens: 252 },
      ...{ tokenizer: 'b', model: 'c' },
    };
    const key = comparableKey(on);
    assert.notEqual(key, null);
    assert.equal(comparableKey({ ...on }), key);
    const changes: Partial<EvaluatedOn>[] = [
      ...[{ text: 'x' }, { share: 1 }, { context: 128 }, { windows: 5 }, { tokens: 251 }],
      ...[{ tokenizer: 'x' }, { model: 'x' }],
    ];
    const others = changes.map((change) => comparableKey({ ...on, ...change }));
    assert.equal(new Set([key, ...others]).size, changes.length + 1);
    assert.equal(comparableKey(undefined), null, 'a record of an older version has no group');
  });
});

describe('a figure', () => {
  it('of an older version is read, with less known of it', () => {
    const old = {
      ...{ params: 2, blockParams: 1, perplexity: 3.5, bytes: 8 },
      ...{ prefillMs: 1, decodeMs: 0.1, peakBytes: 442_000 },
    };
    const figure = decodeValue(figureSchema, JSON.parse(JSON.stringify(old)), 'results.json');
    assert.equal(comparableKey(figure.evaluatedOn), null);
    assert.equal(speedAgainstDense('prefill', figure.timing).kind, 'unknown');
    assert.equal(figure.lossNats, undefined);
  });
});

describe('the speed of a model', () => {
  const timing = (ratio: RatioToDense | null, device = 'cpu'): Timing => ({
    ...{ takenMs: 1, device, threads: 2, rounds: 15, promptTokens: 256, decodedTokens: 16 },
    ...{ prefill: { lower: 1, upper: 2 }, decode: { lower: 1, upper: 2 } },
    ratio: ratio === null ? null : { prefill: ratio, decode: { median: 1, low: 0.9, high: 1.1 } },
  });
  const half = timing({ median: 0.5, low: 0.4, high: 0.6 });

  it('differs from the dense one’s when the interval of the ratio does not hold 1', () => {
    assert.deepEqual(speedAgainstDense('prefill', half), { kind: 'faster', factor: 2 });
    assert.deepEqual(speedAgainstDense('decode', half), { kind: 'none' });
    const slow = timing({ median: 1.25, low: 1.01, high: 1.5 });
    assert.deepEqual(speedAgainstDense('prefill', slow), { kind: 'slower', factor: 0.8 });
    const unclear = timing({ median: 0.8, low: 0.7, high: 1 });
    assert.deepEqual(speedAgainstDense('prefill', unclear), { kind: 'none' });
    assert.deepEqual(speedAgainstDense('prefill', timing(null)), { kind: 'unknown' });
    assert.deepEqual(speedAgainstDense('prefill', undefined), { kind: 'unknown' });
  });

  it('differs from another subnet’s when their intervals do not overlap', () => {
    const quarter = timing({ median: 0.25, low: 0.2, high: 0.3 });
    assert.deepEqual(speedChange('prefill', quarter, half), { kind: 'faster', factor: 2 });
    assert.deepEqual(speedChange('prefill', half, quarter), { kind: 'slower', factor: 0.5 });
    const close = timing({ median: 0.35, low: 0.25, high: 0.45 });
    assert.deepEqual(speedChange('prefill', close, half), { kind: 'none' });
    const elsewhere = timing({ median: 0.25, low: 0.2, high: 0.3 }, 'webgpu');
    assert.deepEqual(speedChange('prefill', elsewhere, half), { kind: 'unknown' });
    assert.deepEqual(speedChange('prefill', undefined, half), { kind: 'unknown' });
  });
});
