import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import {
  type BitmaskForm,
  expandRows,
  packMatrix,
} from '../../src/engine/checkpoint/bitmaskPacking.ts';
import {
  bytesPerElement,
  decodeFloats,
  encodeFloats,
  roundedTo,
  type StoredDtype,
} from '../../src/engine/checkpoint/storedFloats.ts';

interface Part {
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly data: string;
}

/** What scripts/parity/make_packing_fixtures.py recorded. */
interface Fixture {
  readonly versions: Readonly<Record<string, string>>;
  readonly cases: readonly {
    readonly form: BitmaskForm;
    readonly dtype: StoredDtype;
    readonly rows: number;
    readonly columns: number;
    /** float32 */
    readonly values: string;
    /** Rounded to `dtype`. */
    readonly stored: string;
    readonly packed: Readonly<Record<string, Part>>;
  }[];
}

const url = new URL('./formulas/fixtures/packing.json', import.meta.url);
const { cases, versions } = JSON.parse(readFileSync(url, 'utf8')) as Fixture;

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.from(text, 'base64'));
}

function encoded(dtype: StoredDtype, values: Float32Array): Uint8Array {
  const bytes = new Uint8Array(values.length * bytesPerElement(dtype));
  encodeFloats(dtype, values, bytes);
  return bytes;
}

function decoded(dtype: StoredDtype, bytes: Uint8Array): Float32Array {
  const values = new Float32Array(bytes.length / bytesPerElement(dtype));
  decodeFloats(dtype, bytes, values);
  return values;
}

describe(`packed matrices of compressed-tensors ${versions['compressed_tensors']}`, () => {
  for (const { form, dtype, rows, columns, values, stored, packed } of cases) {
    test(`${form}, ${dtype}, ${rows} × ${columns} are ours byte for byte`, () => {
      const ours = roundedTo(dtype, new Float32Array(bytesOf(values).buffer));
      const made = packMatrix(form, ours, rows, columns);
      assert.deepEqual(made.bits, bytesOf(packed['bitmask']!.data));
      assert.deepEqual(encoded(dtype, made.values), bytesOf(packed['compressed']!.data));
      const strict = form === 'sparse-24-bitmask';
      const shape = BigInt64Array.of(BigInt(rows), BigInt(columns));
      assert.deepEqual(new Uint8Array(shape.buffer), bytesOf(packed['shape']!.data));
      // The dimensions that exportCompressed gives these tensors.
      assert.deepEqual(packed['shape']!.shape, strict ? [2, 1] : [2]);
      assert.deepEqual(
        packed['compressed']!.shape,
        strict ? [rows, columns / 2] : [made.values.length],
      );
      assert.deepEqual(packed['bitmask']!.shape, [rows, Math.ceil(columns / 8)]);
      assert.equal(packed['bitmask']!.dtype, 'torch.uint8');
      assert.equal(packed['row_offsets'] === undefined, strict);
      if (!strict) {
        const offsets = new Uint8Array(made.rowOffsets.buffer);
        assert.deepEqual(offsets, bytesOf(packed['row_offsets']!.data));
        assert.deepEqual(packed['row_offsets']!.shape, [rows]);
      }
    });

    test(`${form}, ${dtype}, ${rows} × ${columns} are expanded to what was packed`, () => {
      const kept = decoded(dtype, bytesOf(packed['compressed']!.data));
      const back = expandRows(kept, bytesOf(packed['bitmask']!.data), rows, columns);
      const wanted = decoded(dtype, bytesOf(stored));
      assert.ok(back.length === wanted.length && back.every((value, i) => value === wanted[i]));
    });
  }
});
