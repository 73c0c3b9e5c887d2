import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  safetensorsBytes,
  type TensorToWrite,
  writeSafetensors,
} from '../../../src/engine/checkpoint/safetensorsWriter.ts';
import { transpose } from '../../../src/engine/checkpoint/transpose.ts';
import { isEngineError } from '../../../src/protocol/errors.ts';
import { takeApart } from '../../fixtures/rawSafetensors.ts';

const tensor = (name: string, dims: number[], values: Float32Array): TensorToWrite => ({
  name,
  dims,
  values: () => values,
});

describe('writeSafetensors', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'writer-'));
  });
  after(() => rm(folder, { recursive: true }));

  test('writes a header that other readers know and data that starts aligned', async () => {
    const path = join(folder, 'small.safetensors');
    const tensors = [
      tensor('ö', [2, 1], Float32Array.of(1, -2)),
      tensor('b', [3], Float32Array.of(0.5, 65504, 2 ** -24)),
    ];
    const bytes = await writeSafetensors(path, tensors, { dtype: 'F16' });
    const file = await readFile(path);
    assert.equal(file.length, bytes);
    assert.equal(safetensorsBytes(tensors, 'F16'), bytes);
    const { header, data } = takeApart(file);
    assert.deepEqual(header, {
      __metadata__: { format: 'pt' },
      ö: { dtype: 'F16', shape: [2, 1], data_offsets: [0, 4] },
      b: { dtype: 'F16', shape: [3], data_offsets: [4, 10] },
    });
    assert.equal((file.length - data.length) % 8, 0);
    assert.deepEqual([...data], [0, 0x3c, 0, 0xc0, 0, 0x38, 0xff, 0x7b, 1, 0]);
    assert.deepEqual(await readdir(folder), ['small.safetensors']);
  });

  test('writes whole numbers as they are, wider elements first so that all start aligned', async () => {
    const path = join(folder, 'whole.safetensors');
    const tensors: TensorToWrite[] = [
      { name: 'bits', dims: [3], dtype: 'U8', values: () => Uint8Array.of(1, 2, 255) },
      tensor('a', [1], Float32Array.of(1)),
      { name: 'count', dims: [2, 1], dtype: 'I64', values: () => BigInt64Array.of(-1n, 258n) },
      tensor('b', [1], Float32Array.of(-2)),
    ];
    const bytes = await writeSafetensors(path, tensors, { dtype: 'F16' });
    assert.equal(safetensorsBytes(tensors, 'F16'), bytes);
    const { header, data } = takeApart(await readFile(path));
    assert.deepEqual(header, {
      __metadata__: { format: 'pt' },
      count: { dtype: 'I64', shape: [2, 1], data_offsets: [0, 16] },
      a: { dtype: 'F16', shape: [1], data_offsets: [16, 18] },
      b: { dtype: 'F16', shape: [1], data_offsets: [18, 20] },
      bits: { dtype: 'U8', shape: [3], data_offsets: [20, 23] },
    });
    const count = [...new Array<number>(8).fill(255), 2, 1, 0, 0, 0, 0, 0, 0];
    assert.deepEqual([...data], [...count, 0, 0x3c, 0, 0xc0, 1, 2, 255]);
    const short: TensorToWrite = {
      name: 'c',
      dims: [2],
      dtype: 'U8',
      values: () => Uint8Array.of(1),
    };
    await assert.rejects(writeSafetensors(path, [short], { dtype: 'F16' }), RangeError);
  });

  test('writes tensors longer than one piece', async () => {
    const path = join(folder, 'long.safetensors');
    const values = Float32Array.from({ length: (1 << 20) + 3 }, (_, i) => i);
    await writeSafetensors(path, [tensor('a', [values.length], values)], { dtype: 'F32' });
    const { data } = takeApart(await readFile(path));
    assert.ok(Buffer.from(values.buffer).equals(data));
  });

  test('reports a full disk, removes what it wrote and keeps the earlier file', async () => {
    const dir = await mkdtemp(join(folder, 'full-'));
    const path = join(dir, 'model.safetensors');
    await writeFile(path, 'earlier');
    const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    const values = (): Float32Array => {
      throw full;
    };
    const first = tensor('a', [1], Float32Array.of(1));
    const writing = writeSafetensors(path, [first, { name: 'b', dims: [1], values }], {
      dtype: 'F32',
    });
    await assert.rejects(
      writing,
      (error) => isEngineError(error, 'disk') && error.problem.found === 'a full disk',
    );
    assert.deepEqual(await readdir(dir), ['model.safetensors']);
    assert.equal(await readFile(path, 'utf8'), 'earlier');
  });

  test('reports other faults of the disk', async () => {
    const missing = join(folder, 'nowhere', 'a.safetensors');
    await assert.rejects(
      writeSafetensors(missing, [], { dtype: 'F32' }),
      (error) => isEngineError(error, 'disk') && error.problem.found.startsWith('no such'),
    );
    const place = join(folder, 'place');
    await mkdir(join(place, 'inside'), { recursive: true });
    await assert.rejects(writeSafetensors(place, [], { dtype: 'F32' }), (error) =>
      isEngineError(error, 'disk'),
    );
    assert.deepEqual(
      (await readdir(folder)).filter((name) => name.endsWith('.tmp')),
      [],
    );
  });

  test('refuses values that the type cannot hold, naming the first', async () => {
    const path = join(folder, 'large.safetensors');
    const tensors = [tensor('a', [2], Float32Array.of(1, 70_000))];
    await assert.rejects(
      writeSafetensors(path, tensors, { dtype: 'F16' }),
      (error) =>
        isEngineError(error, 'numeric') &&
        error.message.includes('70000 at element 1') &&
        error.problem.action.includes('BF16'),
    );
    assert.equal(
      (await readdir(folder)).some((name) => name.startsWith('large')),
      false,
    );
    await writeSafetensors(path, tensors, { dtype: 'BF16' });
  });

  test('stops when asked to and leaves nothing behind', async () => {
    const path = join(folder, 'stopped.safetensors');
    const signal = AbortSignal.abort();
    const tensors = [tensor('a', [1], Float32Array.of(1))];
    await assert.rejects(writeSafetensors(path, tensors, { dtype: 'F32', signal }), (error) =>
      isEngineError(error, 'cancelled'),
    );
    assert.equal(
      (await readdir(folder)).some((name) => name.startsWith('stopped')),
      false,
    );
  });

  test('refuses a tensor of the wrong size and a name given twice', async () => {
    const path = join(folder, 'wrong.safetensors');
    const one = tensor('a', [2], Float32Array.of(1));
    await assert.rejects(writeSafetensors(path, [one], { dtype: 'F32' }), RangeError);
    const twice = [tensor('a', [1], Float32Array.of(1)), tensor('a', [1], Float32Array.of(1))];
    await assert.rejects(writeSafetensors(path, twice, { dtype: 'F32' }), RangeError);
  });
});

test('transpose turns rows into columns at sizes that do not divide its blocks', () => {
  const [rows, cols] = [45, 70];
  const data = Float32Array.from({ length: rows * cols }, (_, i) => i);
  const turned = transpose(data, rows, cols);
  for (let row = 0; row < rows; row++) {
    for (let col = 0; col < cols; col++) {
      assert.equal(turned[col * rows + row], row * cols + col);
    }
  }
  assert.deepEqual(transpose(turned, cols, rows), data);
});
