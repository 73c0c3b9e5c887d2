import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type BitmaskForm, packMatrix } from '../../../src/engine/checkpoint/bitmaskPacking.ts';
import { loadWeights } from '../../../src/engine/checkpoint/loadWeights.ts';
import { openCheckpoint } from '../../../src/engine/checkpoint/openCheckpoint.ts';
import { isEngineError } from '../../../src/protocol/errors.ts';
import { largestAllocation } from '../../fixtures/allocations.ts';
import { rawSafetensors, takeApart } from '../../fixtures/rawSafetensors.ts';
import { tinyConfig, writeTinyModel } from '../../fixtures/tinyModel.ts';

/** One raw tensor of a safetensors file. */
interface Raw {
  dtype: string;
  shape: number[];
  data: Uint8Array;
}
type Parts = Record<string, Raw>;

const TINY = { layers: 1, hidden: 16, heads: 2, kvHeads: 1, headDim: 8, intermediate: 24 };
const PREFIX = 'model.layers.0.mlp.gate_proj';
const [ROWS, COLUMNS] = [24, 16];
const sparsity = (form: string): Record<string, unknown> => ({
  quantization_config: { quant_method: 'compressed-tensors', sparsity_config: { format: form } },
});

/** A pattern of zeros that is 2:4 along the columns. */
const gate = Float32Array.from({ length: ROWS * COLUMNS }, (_, i) => (i % 4 < 2 ? 1 + i : 0));

const bytesOf = (array: { buffer: ArrayBufferLike; byteLength: number }): Uint8Array =>
  new Uint8Array(array.buffer.slice(0, array.byteLength) as ArrayBuffer);
const whole = (...values: number[]): Raw => ({
  ...{ dtype: 'I64', shape: [values.length] },
  data: bytesOf(BigInt64Array.from(values, BigInt)),
});

describe('packed maps of a checkpoint', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'packed-'));
  });
  after(() => rm(folder, { recursive: true }));

  /** A model folder whose gate is packed, then spoilt; gives the folder. */
  async function makeModel(
    form: BitmaskForm,
    spoil: (parts: Parts) => void = () => undefined,
    config: Record<string, unknown> = sparsity(form),
  ): Promise<string> {
    const dir = await mkdtemp(join(folder, 'model-'));
    await writeTinyModel(dir, TINY);
    const path = join(dir, 'model.safetensors');
    const { header, data } = takeApart(new Uint8Array(await readFile(path)));
    const parts: Parts = {};
    for (const [name, { dtype, shape, data_offsets: offsets }] of Object.entries(header)) {
      if (name === '__metadata__') continue;
      parts[name] = { dtype, shape, data: data.slice(...offsets) };
    }
    delete parts[`${PREFIX}.weight`];
    const packed = packMatrix(form, gate, ROWS, COLUMNS);
    const strict = form === 'sparse-24-bitmask';
    const values = { dtype: 'F32', data: bytesOf(packed.values) };
    parts[`${PREFIX}.shape`] = { ...whole(ROWS, COLUMNS), shape: strict ? [2, 1] : [2] };
    parts[`${PREFIX}.compressed`] = {
      ...values,
      shape: strict ? [ROWS, COLUMNS / 2] : [packed.values.length],
    };
    parts[`${PREFIX}.bitmask`] = { dtype: 'U8', shape: [ROWS, 2], data: packed.bits };
    if (!strict) {
      const data = bytesOf(packed.rowOffsets);
      parts[`${PREFIX}.row_offsets`] = { dtype: 'I64', shape: [ROWS], data };
    }
    spoil(parts);
    await writeFile(path, fileOf(parts));
    await writeFile(join(dir, 'config.json'), JSON.stringify({ ...tinyConfig(TINY), ...config }));
    return dir;
  }

  for (const form of ['sparse-bitmask', 'sparse-24-bitmask'] as const) {
    test(`are found and expanded as plain tensors: ${form}`, async () => {
      const checkpoint = await openCheckpoint(await makeModel(form));
      assert.deepEqual(checkpoint.unused, []);
      const { layers } = await loadWeights(checkpoint);
      assert.deepEqual(layers[0]!.gate!.weight, gate);
    });
  }

  test('may be spread over several files', async () => {
    const dir = await makeModel('sparse-bitmask');
    const path = join(dir, 'model.safetensors');
    const { header, data } = takeApart(new Uint8Array(await readFile(path)));
    const names = Object.keys(header).filter((name) => name !== '__metadata__');
    const map: Record<string, string> = {};
    for (const shard of [0, 1, 2]) {
      const file = `part-${shard}.safetensors`;
      const parts: Parts = {};
      for (const name of names.filter((_, i) => i % 3 === shard)) {
        const { dtype, shape, data_offsets: offsets } = header[name]!;
        parts[name] = { dtype, shape, data: data.slice(...offsets) };
        map[name] = file;
      }
      await writeFile(join(dir, file), fileOf(parts));
    }
    await rm(path);
    await writeFile(join(dir, 'model.safetensors.index.json'), JSON.stringify({ weight_map: map }));
    const { layers } = await loadWeights(await openCheckpoint(dir));
    assert.deepEqual(layers[0]!.gate!.weight, gate);
  });

  const part = (parts: Parts, name: string): Raw => parts[`${PREFIX}.${name}`]!;
  const floats = (parts: Parts): Float32Array =>
    new Float32Array(bytesOf(part(parts, 'compressed').data).buffer);
  const setValues = (parts: Parts, values: Float32Array, shape = [values.length]): void => {
    parts[`${PREFIX}.compressed`] = { dtype: 'F32', shape, data: bytesOf(values) };
  };
  const setShape = (parts: Parts, ...sizes: number[]): void => {
    parts[`${PREFIX}.shape`] = whole(...sizes);
  };

  const damages: [string, BitmaskForm, (parts: Parts) => void][] = [
    ...(['shape', 'compressed', 'bitmask', 'row_offsets'] as const).map(
      (name): [string, BitmaskForm, (parts: Parts) => void] => [
        `no tensor ${name}`,
        'sparse-bitmask',
        (parts) => delete parts[`${PREFIX}.${name}`],
      ],
    ),
    ['a value too few', 'sparse-bitmask', (parts) => setValues(parts, floats(parts).slice(1))],
    ['a value too many', 'sparse-bitmask', (parts) => setValues(parts, new Float32Array(193))],
    ['no value at all', 'sparse-bitmask', (parts) => setValues(parts, new Float32Array(0))],
    ['a negative size', 'sparse-bitmask', (parts) => setShape(parts, -24, 16)],
    ['a size of zero', 'sparse-bitmask', (parts) => setShape(parts, 24, 0)],
    ['a huge size', 'sparse-bitmask', (parts) => setShape(parts, 24, Number.MAX_SAFE_INTEGER)],
    ['a size of other bits', 'sparse-bitmask', (parts) => setShape(parts, 24, 17)],
    ['sizes of another model', 'sparse-bitmask', (parts) => setShape(parts, 24, 15)],
    ['three sizes', 'sparse-bitmask', (parts) => setShape(parts, 24, 16, 1)],
    [
      'sizes of another type',
      'sparse-bitmask',
      (parts) => Object.assign(part(parts, 'shape'), { dtype: 'F64' }),
    ],
    [
      'bits of another type',
      'sparse-bitmask',
      (parts) => Object.assign(part(parts, 'bitmask'), { dtype: 'I8' }),
    ],
    [
      'bits in a row',
      'sparse-bitmask',
      (parts) => Object.assign(part(parts, 'bitmask'), { shape: [48] }),
    ],
    ['a bit too many', 'sparse-bitmask', (parts) => (part(parts, 'bitmask').data[5] = 0b10110011)],
    ['a bit too few', 'sparse-bitmask', (parts) => (part(parts, 'bitmask').data[47] = 0b00110001)],
    ['wrong row offsets', 'sparse-bitmask', (parts) => (part(parts, 'row_offsets').data[8] = 9)],
    [
      'quantised values',
      'sparse-bitmask',
      (parts) => {
        const data = new Uint8Array(192);
        parts[`${PREFIX}.compressed`] = { dtype: 'I8', shape: [192], data };
      },
    ],
    [
      'values that are not finite',
      'sparse-bitmask',
      (parts) => setValues(parts, floats(parts).fill(NaN, 7, 8)),
    ],
    [
      'the map plain as well',
      'sparse-bitmask',
      (parts) =>
        (parts[`${PREFIX}.weight`] = { dtype: 'F32', shape: [1], data: bytesOf(gate.slice(0, 1)) }),
    ],
    [
      'three of four',
      'sparse-24-bitmask',
      (parts) => (part(parts, 'bitmask').data[0] = 0b00010111),
    ],
    ['columns that are no whole groups', 'sparse-24-bitmask', (parts) => setShape(parts, 24, 14)],
    ['values in a row', 'sparse-24-bitmask', (parts) => setValues(parts, floats(parts))],
  ];
  for (const [what, form, spoil] of damages) {
    test(`are refused with ${what}`, async () => {
      const dir = await makeModel(form, spoil);
      await assert.rejects(
        openCheckpoint(dir).then((checkpoint) => loadWeights(checkpoint)),
        (error) => isEngineError(error, 'checkpoint') && error.message.length < 600,
      );
    });
  }

  test('are refused when the file is cut short', async () => {
    const dir = await makeModel('sparse-bitmask');
    const path = join(dir, 'model.safetensors');
    const file = await readFile(path);
    await writeFile(path, file.subarray(0, file.length - 3));
    await assert.rejects(openCheckpoint(dir), (error) => isEngineError(error, 'checkpoint'));
  });

  test('never make us allocate what the file does not justify', async () => {
    // As large as the bits of these rows could be: but the shape must be that of the bits.
    const dir = await makeModel('sparse-bitmask', (parts) => setShape(parts, 1 << 24, 1 << 24));
    const largest = await largestAllocation(async () => {
      await assert.rejects(openCheckpoint(dir), (error) => isEngineError(error, 'checkpoint'));
    });
    assert.ok(largest < 100_000, `${largest} bytes`);
  });

  for (const [what, config] of [
    ['quantised weights', { quant_method: 'gptq' }],
    [
      'weights quantised by the same library',
      { ...sparsity('dense')['quantization_config']!, config_groups: { a: {} } },
    ],
    ['a form we do not know', sparsity('marlin-24')['quantization_config']],
    ['no form', { quant_method: 'compressed-tensors' }],
    ['a list', []],
    ['text', 'sparse'],
  ] as const) {
    test(`are refused in a configuration with ${what}`, async () => {
      const dir = await makeModel('sparse-bitmask', undefined, { quantization_config: config });
      await assert.rejects(
        openCheckpoint(dir),
        (error) => isEngineError(error, 'checkpoint') && /quanti[sz]/.test(error.message),
      );
    });
  }

  test('need not be there: the form "dense" is a plain checkpoint', async () => {
    const dir = await mkdtemp(join(folder, 'plain-'));
    const weights = await writeTinyModel(dir, { ...TINY, config: sparsity('dense') });
    assert.deepEqual(await loadWeights(await openCheckpoint(dir)), weights);
  });
});

function fileOf(parts: Parts): Uint8Array {
  const header: Record<string, unknown> = {};
  let end = 0;
  for (const [name, { dtype, shape, data }] of Object.entries(parts)) {
    header[name] = { dtype, shape, data_offsets: [end, end + data.length] };
    end += data.length;
  }
  return rawSafetensors(header, Buffer.concat(Object.values(parts).map(({ data }) => data)));
}
