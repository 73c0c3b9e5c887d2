import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  headerLength,
  parseHeader,
  type TensorEntry,
} from '../../../src/engine/checkpoint/safetensorsHeader.ts';
import { MOST_HEADER_BYTES, MOST_TENSORS } from '../../../src/protocol/bounds.ts';
import { isEngineError } from '../../../src/protocol/errors.ts';
import { rawSafetensors } from '../../fixtures/rawSafetensors.ts';

function parse(file: Uint8Array): TensorEntry[] {
  const length = headerLength(file.subarray(0, 8), file.length, 'a.safetensors');
  return parseHeader(file.subarray(8, 8 + length), file.length, 'a.safetensors');
}

const entry = (shape: unknown, offsets: unknown, dtype: unknown = 'F32'): unknown => ({
  dtype,
  shape,
  data_offsets: offsets,
});

describe('parseHeader', () => {
  test('gives the tensors in the order of their bytes', () => {
    const header = {
      __metadata__: { format: 'pt' },
      b: entry([2, 3], [8, 20], 'BF16'),
      scalar: entry([], [0, 8], 'I64'),
      empty: entry([0, 5], [20, 20]),
    };
    const file = rawSafetensors(header, new Uint8Array(20));
    const start = file.length - 20;
    assert.deepEqual(parse(file), [
      { name: 'scalar', dtype: 'I64', dims: [], elements: 1, begin: start, end: start + 8 },
      { name: 'b', dtype: 'BF16', dims: [2, 3], elements: 6, begin: start + 8, end: start + 20 },
      {
        name: 'empty',
        dtype: 'F32',
        dims: [0, 5],
        elements: 0,
        begin: start + 20,
        end: start + 20,
      },
    ]);
  });

  const data = new Uint8Array(16);
  const wrong: [string, Uint8Array, RegExp][] = [
    ['an empty file', new Uint8Array(0), /it has only 0 bytes/],
    ['a file of 7 bytes', new Uint8Array(7), /it has only 7 bytes/],
    [
      'a length beyond the file',
      rawSafetensors({}, data, 1000n),
      /no complete safetensors file.*fits into its 26 bytes/,
    ],
    [
      'a length of 2^64 − 1',
      rawSafetensors({}, data, 2n ** 64n - 1n),
      /no complete safetensors file/,
    ],
    ['a length of zero', rawSafetensors({}, data, 0n), /no complete safetensors file/],
    ['text that is not JSON', rawSafetensors('{"a":', data), /not JSON/],
    ['deeply nested JSON', rawSafetensors('['.repeat(200_000), data), /deeper than 128 levels/],
    ['a list', rawSafetensors('[]', data), /holds \[\] in place of a JSON object/],
    ['a tensor that is a number', rawSafetensors({ a: 1 }, data), /has 1/],
    [
      'no dtype',
      rawSafetensors({ a: { shape: [4], data_offsets: [0, 16] } }, data),
      /must have a dtype\./,
    ],
    ['a dtype that is no text', rawSafetensors({ a: entry([4], [0, 16], 7) }, data), /has 7/],
    ['a negative dimension', rawSafetensors({ a: entry([-4], [0, 16]) }, data), /\[-4\]/],
    ['a broken dimension', rawSafetensors({ a: entry([1.5], [0, 6]) }, data), /\[1.5\]/],
    ['nine dimensions', rawSafetensors({ a: entry(Array(9).fill(1), [0, 4]) }, data), /at most 8/],
    ['huge dimensions', rawSafetensors({ a: entry([2 ** 40, 2 ** 40], [0, 16]) }, data), /fits/],
    ['offsets of the wrong kind', rawSafetensors({ a: entry([4], '0-16') }, data), /data_offsets/],
    ['three offsets', rawSafetensors({ a: entry([4], [0, 8, 16]) }, data), /data_offsets/],
    ['a negative offset', rawSafetensors({ a: entry([4], [-8, 8]) }, data), /whole numbers/],
    ['offsets in the wrong order', rawSafetensors({ a: entry([4], [16, 0]) }, data), /in order/],
    [
      'a span of the wrong size',
      rawSafetensors({ a: entry([3], [0, 16]) }, data),
      /12 bytes for \[3\]/,
    ],
    ['data outside the file', rawSafetensors({ a: entry([8], [0, 32]) }, data), /is cut short/],
    [
      'bytes nobody owns',
      rawSafetensors({ a: entry([3], [0, 12]) }, data),
      /4 bytes more than its header/,
    ],
    [
      'overlapping tensors',
      rawSafetensors({ a: entry([3], [0, 12]), b: entry([2], [8, 16]) }, data),
      /tensor "b" overlaps/,
    ],
    [
      'a gap between tensors',
      rawSafetensors({ a: entry([1], [0, 4]), b: entry([2], [8, 16]) }, data),
      /tensor "b" leaves a gap/,
    ],
    ['data that starts late', rawSafetensors({ a: entry([2], [8, 16]) }, data), /leaves a gap/],
  ];
  test('takes types that it does not know, as nothing may read them', () => {
    for (const dtype of ['F4', 'F8_E4M3FNUZ', 'toString', '']) {
      const [only] = parse(rawSafetensors({ a: entry([40], [0, 16], dtype) }, data));
      assert.deepEqual([only?.dtype, only?.elements, only!.end - only!.begin], [dtype, 40, 16]);
    }
  });

  test('refuses more tensors than any model has, and a header as long, before it is parsed', () => {
    const many = Array.from({ length: MOST_TENSORS + 1 }, (_, i) => `"${i}":{}`).join(',');
    const start = performance.now();
    assert.throws(
      () => parse(rawSafetensors(`{${many}}`, data)),
      new RegExp(`more than ${MOST_TENSORS} tensors`),
    );
    assert.ok(performance.now() - start < 2000);
    const most = 16 * MOST_TENSORS;
    for (const notes of [`{${'"":"",'.repeat(most / 4)}"":""}`, `[${'[],'.repeat(most)}[]]`]) {
      assert.throws(
        () => parse(rawSafetensors(`{"__metadata__":${notes}}`, data)),
        /lists more than \d+ tensors have/,
      );
    }
    const prefix = rawSafetensors('{}', data, BigInt(MOST_HEADER_BYTES + 1)).subarray(0, 8);
    assert.throws(
      () => headerLength(prefix, 2 * MOST_HEADER_BYTES, 'a'),
      /The header of a is too large/,
    );
  });

  for (const [what, file, message] of wrong) {
    test(`refuses ${what}`, () => {
      assert.throws(
        () => parse(file),
        (error) => isEngineError(error, 'checkpoint') && message.test(error.message),
      );
    });
  }

  test('shows only the start of a long name', () => {
    const file = rawSafetensors({ ['x'.repeat(100_000)]: 1 }, data);
    assert.throws(
      () => parse(file),
      (error) => isEngineError(error) && error.message.length < 500,
    );
  });
});
