import assert from 'node:assert/strict';
import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { DiskWeights } from '../../../src/engine/checkpoint/diskWeights.ts';
import { loadWeights } from '../../../src/engine/checkpoint/loadWeights.ts';
import {
  inMemory,
  type Linear,
  ModelWeights,
} from '../../../src/engine/checkpoint/modelWeights.ts';
import { openCheckpoint } from '../../../src/engine/checkpoint/openCheckpoint.ts';
import {
  blockByBlock,
  ChangedWeights,
  changedSince,
  eachBlock,
  type WeightSource,
  withChanges,
} from '../../../src/engine/checkpoint/weightSource.ts';
import { isEngineError } from '../../../src/protocol/errors.ts';
import { CountedSource } from '../../fixtures/countedSource.ts';
import { tinyWeights, writeTinyModel } from '../../fixtures/tinyModel.ts';

const fixtures = fileURLToPath(new URL('../../parity/fixtures/', import.meta.url));

describe('a checkpoint that is read block by block', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sources-'));
  });
  after(() => rm(folder, { recursive: true }));

  test('has the weights of the whole one to the last bit, in every family', async () => {
    const tied = join(folder, 'sharded');
    await writeTinyModel(tied, { dtype: 'BF16', shards: 4, layers: 3, tied: true });
    const models = readdirSync(fixtures, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('config.json'))
      .map((path) => join(fixtures, dirname(path)));
    assert.ok(models.length > 30);
    for (const path of [tied, ...models]) {
      const checkpoint = await openCheckpoint(path);
      const [whole, disk] = [await loadWeights(checkpoint), new DiskWeights(checkpoint)];
      for (const [l, layer] of whole.layers.entries()) {
        assert.deepEqual(await disk.block(l), layer, `${path}, block ${l}`);
      }
      const once = await disk.once();
      for (const [name, value] of Object.entries(once)) {
        assert.deepEqual(value, whole[name as keyof ModelWeights], `${path}, ${name}`);
      }
      assert.equal(once.head === once.embedding, whole.shape.tiedEmbeddings);
      assert.equal(await disk.key(), await whole.key());
    }
  });

  test('lets go of the memory of a released block, and reads it again when it is asked for', async () => {
    const path = join(folder, 'released');
    const weights = await writeTinyModel(path, { dtype: 'F16' });
    const disk = new DiskWeights(await openCheckpoint(path));
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const isAlive = async (array: WeakRef<Float32Array>): Promise<boolean> => {
      for (let i = 0; i < 10; i++) {
        await setImmediate();
        collect();
      }
      return array.deref() !== undefined;
    };
    const array = new WeakRef((await disk.block(1)).up.weight);
    assert.equal(await isAlive(array), true);
    assert.equal((await disk.block(1)).up.weight, array.deref());
    disk.release(1);
    assert.equal(await isAlive(array), false);
    assert.deepEqual((await disk.block(1)).up, weights.layers[1]!.up);
  });

  test('is refused when a file has changed, and a failed reading is not kept', async () => {
    const path = join(folder, 'changed');
    await writeTinyModel(path);
    const disk = new DiskWeights(await openCheckpoint(path));
    await disk.block(0);
    await appendFile(join(path, 'model.safetensors'), 'x');
    for (const read of [() => disk.block(1), () => disk.block(1), () => disk.once()]) {
      await assert.rejects(read(), (error) => isEngineError(error, 'checkpoint'));
    }
    // What was read before is what was opened.
    await disk.block(0);
  });
});

describe('a model with changes on top', () => {
  const base = tinyWeights({ layers: 3 });
  const zeros = ({ weight, bias }: Linear): Linear => ({
    weight: new Float32Array(weight.length),
    bias,
  });
  const down = zeros(base.layers[1]!.down);

  test('has them, and shares the rest', async () => {
    const changed = withChanges(base, new Map([[1, { down }]]));
    const layer = await changed.block(1);
    assert.equal(layer.down, down);
    assert.equal(layer.up, base.layers[1]!.up);
    assert.equal(await changed.block(0), base.layers[0]);
    assert.equal(await changed.once(), base);
    const whole = await inMemory(changed);
    assert.equal(whole.layers[1]!.down, down);
    assert.equal(whole.embedding, base.embedding);
    assert.equal(await whole.key(), await changed.key());
  });

  test('is the model itself without any', () => {
    assert.equal(withChanges(base, new Map()), base);
    assert.equal(withChanges(base, new Map([[2, {}]])), base);
  });

  test('knows which maps it has changed, by all changes since a model', () => {
    const one = withChanges(base, new Map([[1, { down }]]));
    const two = withChanges(
      one,
      new Map([
        [1, { up: down }],
        [2, { down }],
      ]),
    );
    assert.deepEqual(changedSince(base, base), new Map());
    const expected = new Map([
      [1, new Set(['up', 'down'])],
      [2, new Set(['down'])],
    ]);
    assert.deepEqual(changedSince(two, base), expected);
    assert.deepEqual([...changedSince(two, one).get(1)!], ['up']);
    assert.throws(() => changedSince(one, two), RangeError);
    assert.throws(() => changedSince(two, tinyWeights({ layers: 3 })), RangeError);
  });

  test('has a key of its content: it changes if and only if a weight or its place does', async () => {
    const copy = tinyWeights({ layers: 3 });
    assert.equal(await base.key(), await copy.key());
    const made = (from: WeightSource, index: number, map: 'down' | 'up', linear: Linear) =>
      new ChangedWeights(from, new Map([[index, { [map]: linear }]])).key();
    const key = await made(base, 1, 'down', down);
    assert.equal(await made(copy, 1, 'down', zeros(down)), key);
    const weight = down.weight.with(77, 1e-30);
    const negative = down.weight.with(77, -0);
    const other = new ModelWeights({ ...base, embedding: base.embedding.with(5, 0.25) });
    const keys = [
      key,
      await base.key(),
      await other.key(),
      await made(other, 1, 'down', down),
      await made(base, 1, 'down', { ...down, weight }),
      await made(base, 1, 'down', { ...down, weight: negative }),
      await made(base, 1, 'down', { ...down, bias: new Float32Array(32) }),
      await made(base, 2, 'down', down),
      await made(base, 1, 'up', down),
    ];
    assert.equal(new Set(keys).size, keys.length);
  });
});

describe('a loop over blocks', () => {
  const weights = tinyWeights({ layers: 4 });

  test('holds one at a time, and none once it has ended, however that was', async () => {
    const end = async (how: (index: number) => boolean): Promise<CountedSource> => {
      const source = new CountedSource(weights);
      for await (const [index, layer] of eachBlock(source, 1)) {
        assert.equal(layer, weights.layers[index]);
        assert.deepEqual([...source.held], [index]);
        if (how(index)) break;
      }
      return source;
    };
    assert.deepEqual((await end(() => false)).read, [1, 2, 3]);
    const left = await end((index) => index === 2);
    assert.deepEqual([left.read, left.held.size, left.most], [[1, 2], 0, 1]);
    const source = new CountedSource(weights);
    const failing = async (): Promise<void> => {
      for await (const [index] of eachBlock(source)) {
        if (index === 1) throw new RangeError('the end');
      }
    };
    await assert.rejects(failing, RangeError);
    assert.equal(source.held.size, 0);
  });

  test('by tensors reads a block once for all of them', async () => {
    const source = new CountedSource(weights);
    await blockByBlock(source, async (blocks) => {
      for (const index of [0, 0, 0, 2, 2, 3]) await blocks.block(index);
      assert.deepEqual([...source.held], [3]);
    });
    assert.deepEqual([source.read, source.held.size, source.most], [[0, 2, 3], 0, 1]);
  });
});
