import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { jsonLike } from '../../../src/engine/export/jsonLike.ts';
import { propertyOptions } from '../../property/propertyOptions.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

test('whole numbers with decimals keep them, where their place is the same', () => {
  const source = bytes(
    '{"cap": 30.0, "size": 30, "eps": 1e-05, "big": 1e6, "rope": {"factor": 8.0, "list": [1.0, 2]}, "zero": -0.0}',
  );
  const value = {
    ...{ cap: 30, size: 30, eps: 1e-5, big: 1e6, rope: { factor: 8, list: [1, 2] }, zero: -0 },
    other: 30,
  };
  const text = jsonLike(value, source);
  for (const line of ['"cap": 30.0,', '"size": 30,', '"big": 1000000.0,', '"factor": 8.0,']) {
    assert.ok(text.includes(line), `${line} in ${text}`);
  }
  assert.match(text, /"list": \[\s*1\.0,\s*2\s*\]/);
  assert.match(text, /"other": 30\n/);
  assert.deepEqual(JSON.parse(text), { ...value, zero: 0 });
});

test('a field that has another value now keeps its decimals', () => {
  assert.match(jsonLike({ cap: 20 }, bytes('{"cap": 30.0}')), /"cap": 20\.0/);
  assert.match(jsonLike({ cap: 20.5 }, bytes('{"cap": 30.0}')), /"cap": 20\.5/);
});

test('any value is written as it is, beside any text', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), fc.string(), (value, other, noise) => {
      for (const source of [JSON.stringify(value), JSON.stringify(other), noise]) {
        assert.deepEqual(
          JSON.parse(jsonLike(value, bytes(source))),
          JSON.parse(JSON.stringify(value)),
        );
      }
    }),
    propertyOptions(),
  );
});
