import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { inspectCheckpoint } from '../../../src/engine/checkpoint/inspectCheckpoint.ts';
import { loadWeights } from '../../../src/engine/checkpoint/loadWeights.ts';
import { openCheckpoint, openSource } from '../../../src/engine/checkpoint/openCheckpoint.ts';
import { writeSafetensors } from '../../../src/engine/checkpoint/safetensorsWriter.ts';
import type { StoredDtype } from '../../../src/engine/checkpoint/storedFloats.ts';
import { exportCheckpoint } from '../../../src/engine/export/exportCheckpoint.ts';
import { canCompress, exportCompressed } from '../../../src/engine/export/exportCompressed.ts';
import { exportOnnx } from '../../../src/engine/export/exportOnnx.ts';
import { readModel } from '../../../src/engine/export/onnxDecoder.ts';
import { readSubnetCheckpoint } from '../../../src/engine/export/readSubnetCheckpoint.ts';
import { slicedValues } from '../../../src/engine/export/slicedValues.ts';
import { dtypeOf, dtypesOf, storageOf } from '../../../src/engine/export/storage.ts';
import { denseSubnet } from '../../../src/engine/model/subnet.ts';
import { randomMasks } from '../../fixtures/randomSubnet.ts';
import { writeTinyModel } from '../../fixtures/tinyModel.ts';
import { F32, LLAMA, withZeros } from './candidates.ts';

type Source = Awaited<ReturnType<typeof openSource>>;
type Json = Readonly<Record<string, unknown>>;

/** As models are saved whose norms were kept exact: the embedding is of the coarser type. */
const typeOf = (name: string): StoredDtype => (name.includes('norm') ? 'F32' : 'BF16');

describe('storage of the types of the source', () => {
  let folder: string;
  let source: Source;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'storage-'));
    const dir = join(folder, 'source');
    const weights = await writeTinyModel(dir, { ...LLAMA, config: { torch_dtype: 'bfloat16' } });
    const { tensors } = await openCheckpoint(dir);
    const mixed = tensors.map(({ spec }) => ({
      ...{ name: spec.name, dims: spec.dims, dtype: typeOf(spec.name) },
      values: () => slicedValues(weights, { ...spec, spec }),
    }));
    await writeSafetensors(join(dir, 'model.safetensors'), mixed, { dtype: 'F16' });
    source = await openSource(dir);
  });
  after(() => rm(folder, { recursive: true }));

  test('keeps each tensor of a checkpoint in its own', async () => {
    const weights = await loadWeights(source);
    const storage = storageOf('source', source);
    assert.deepEqual(dtypesOf(storage), ['F32', 'BF16']);
    assert.equal(inspectCheckpoint(source).dtype, 'F32 and BF16');
    const dir = join(folder, 'own');
    const subnet = randomMasks(weights.shape, 2);
    await exportCheckpoint(dir, weights, subnet, source, { ...F32, ...storage });
    const back = await readSubnetCheckpoint(dir);
    for (const { spec } of source.tensors) {
      assert.equal(dtypeOf(back.storage, spec.name), typeOf(spec.name), spec.name);
    }
    // The values were bfloat16 and float32 before, so nothing is lost; the embedding's type alone
    // would have rounded the norms.
    assert.deepEqual(back.weights.finalNorm, weights.finalNorm);
    assert.deepEqual(back.weights.embedding, weights.embedding);
    const config = JSON.parse(await readFile(join(dir, 'config.json'), 'utf8')) as Json;
    assert.equal(config['torch_dtype'], 'bfloat16');
  });

  test('writes one type where the config asks for one', async () => {
    const weights = await loadWeights(source);
    const storage = storageOf('float16', source);
    assert.deepEqual(dtypesOf(storage), ['F16']);
    const dir = join(folder, 'one');
    const subnet = denseSubnet(weights.shape);
    await exportCheckpoint(dir, weights, subnet, source, { ...F32, ...storage });
    const { tensors } = await openCheckpoint(dir);
    assert.deepEqual([...new Set(tensors.map(({ located }) => located.entry.dtype))], ['F16']);
    const config = JSON.parse(await readFile(join(dir, 'config.json'), 'utf8')) as Json;
    assert.equal(config['torch_dtype'], 'float16');
  });

  test('keeps each tensor of an ONNX decoder in its own, and its README says which', async () => {
    const weights = await loadWeights(source);
    const options = { ...F32, ...storageOf('source', source) };
    const dir = join(folder, 'onnx');
    const { path } = await exportOnnx(dir, weights, denseSubnet(weights.shape), options);
    const types = new Map(
      readModel(path).graph!.initializer.map(({ name, dataType }) => [name, dataType]),
    );
    const [float32, bfloat16] = [1, 16];
    assert.equal(types.get('model.norm.weight'), float32);
    assert.equal(types.get('model.embed_tokens.weight'), bfloat16);
    assert.equal(types.get('model.layers.0.mlp.down_proj.weight.transposed'), bfloat16);
    const readme = await readFile(join(dir, 'README.md'), 'utf8');
    assert.match(readme, /Weights are float32 and bfloat16 \(computed in float32\)/);
  });

  test('keeps the values of packed maps in their own', async () => {
    const weights = withZeros(await loadWeights(source));
    const subnet = denseSubnet(weights.shape);
    const options = { ...F32, ...storageOf('source', source) };
    assert.equal(await canCompress(weights, subnet, source, options), true);
    const dir = join(folder, 'packed');
    await exportCompressed(dir, weights, subnet, source, options);
    const { storage } = await readSubnetCheckpoint(dir);
    for (const { spec } of source.tensors) {
      assert.equal(dtypeOf(storage, spec.name), typeOf(spec.name), spec.name);
    }
  });
});
