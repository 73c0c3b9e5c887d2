import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { loadWeights } from '../../../src/engine/checkpoint/loadWeights.ts';
import { type Linear, ModelWeights } from '../../../src/engine/checkpoint/modelWeights.ts';
import type { ModelShape } from '../../../src/engine/model/modelShape.ts';
import {
  openCheckpoint,
  openSource,
  type Source,
} from '../../../src/engine/checkpoint/openCheckpoint.ts';
import { transpose } from '../../../src/engine/checkpoint/transpose.ts';
import { perplexityOf } from '../../../src/engine/evaluation/perplexity.ts';
import { exportCheckpoint } from '../../../src/engine/export/exportCheckpoint.ts';
import { canCompress, exportCompressed } from '../../../src/engine/export/exportCompressed.ts';
import { readSubnetCheckpoint } from '../../../src/engine/export/readSubnetCheckpoint.ts';
import { referenceOf } from '../../../src/engine/export/logitReference.ts';
import { verifyCheckpoint } from '../../../src/engine/export/verify.ts';
import { Runtime } from '../../../src/engine/runtime/runtime.ts';
import { denseSubnet, type Subnet } from '../../../src/engine/model/subnet.ts';
import { isEngineError } from '../../../src/protocol/errors.ts';
import { randomMasks } from '../../fixtures/randomSubnet.ts';
import { writeTinyModel } from '../../fixtures/tinyModel.ts';
import {
  F32,
  GPT2,
  LLAMA,
  OPT,
  OPT_350M,
  PHI3,
  randomWindows,
  searchTimeModel,
  withZeros,
} from './candidates.ts';

type Json = Record<string, unknown>;
type Axis = 'inputs' | 'outputs';

/** The first two of four neighbours of a stored map stay, along one of its dimensions. */
function twoOfFour(linear: Linear, hidden: number, along: Axis, inputsAreRows: boolean): Linear {
  const downRows = (along === 'inputs') === inputsAreRows;
  const keeps = (i: number): boolean => (downRows ? Math.floor(i / hidden) : i % hidden) % 4 < 2;
  return { ...linear, weight: linear.weight.map((value, i) => (keeps(i) ? value : 0)) };
}

/** A model whose MLPs are 2:4: down along its inputs, gate and up along `gates`. */
function sparseMlps(weights: ModelWeights, gates: Axis): ModelWeights {
  const { hidden } = weights.shape;
  const layers = weights.layers.map((layer) => ({
    ...layer,
    gate: layer.gate && twoOfFour(layer.gate, hidden, gates, false),
    up: twoOfFour(layer.up, hidden, gates, false),
    down: twoOfFour(layer.down, hidden, 'inputs', true),
  }));
  return new ModelWeights({ ...weights, layers });
}

describe('exportCompressed', () => {
  let folder: string;
  let source: Source;
  let weights: ModelWeights;
  let subnet: Subnet;
  const runtime = new Runtime('cpu', 2);
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'compressed-'));
    await writeTinyModel(join(folder, 'source'), LLAMA);
    source = await openSource(join(folder, 'source'));
    weights = await loadWeights(source);
    subnet = denseSubnet(weights.shape);
  });
  after(async () => {
    await runtime.release();
    await rm(folder, { recursive: true });
  });

  async function blockOf(dir: string): Promise<{ config: Json; sparsity: Json }> {
    const config = JSON.parse(await readFile(join(dir, 'config.json'), 'utf8')) as Json;
    return { config, sparsity: (config['subnet'] as Json)['sparsity'] as Json };
  }

  /** Perplexity of a folder as "subnet evaluate" computes it. */
  async function perplexity(dir: string): Promise<number> {
    const candidate = await readSubnetCheckpoint(dir);
    const { shape } = candidate.weights;
    const { forward, head } = searchTimeModel(runtime, shape);
    const windows = randomWindows(shape.vocab, 3, 24);
    return (await perplexityOf(forward, head, candidate, windows, {})).perplexity!;
  }

  for (const dtype of ['F32', 'F16', 'BF16'] as const) {
    test(`is read back as the dense export of the same weights: ${dtype}`, async () => {
      const sparse = sparseMlps(weights, 'inputs');
      const [dense, packed] = [join(folder, `${dtype}-dense`), join(folder, `${dtype}-packed`)];
      const options = { ...F32, dtype };
      const plain = await exportCheckpoint(dense, sparse, subnet, source, options);
      const small = await exportCompressed(packed, sparse, subnet, source, options);
      assert.ok(small.bytes < plain.bytes);
      const expected = await readSubnetCheckpoint(dense);
      assert.deepEqual((await readSubnetCheckpoint(packed)).weights, expected.weights);
      assert.deepEqual(await loadWeights(await openCheckpoint(packed)), expected.weights);
      assert.equal(await perplexity(packed), await perplexity(dense));
    });
  }

  test('is verified against the search-time model like the other forms', async () => {
    const sparse = sparseMlps(weights, 'inputs');
    const search = searchTimeModel(runtime, weights.shape);
    const windows = randomWindows(weights.shape.vocab, 1, 9);
    const reference = await referenceOf(search, { weights: sparse, subnet }, windows, {
      dtype: 'F32',
    });
    const dir = join(folder, 'verified');
    await exportCompressed(dir, sparse, subnet, source, F32);
    assert.equal((await verifyCheckpoint(dir, search, reference)).maxDifference, 0);
    await exportCompressed(dir, sparseMlps(weights, 'outputs'), subnet, source, F32);
    await assert.rejects(verifyCheckpoint(dir, search, reference), (error) =>
      isEngineError(error, 'verify'),
    );
  });

  test('says 2:4 only where every packed map holds it along its inputs', async () => {
    const dir = join(folder, 'inputs');
    const sparse = sparseMlps(weights, 'inputs');
    const { loadable } = await exportCompressed(dir, sparse, subnet, source, F32);
    const { config, sparsity } = await blockOf(dir);
    const { sparsity_config: stated, ...rest } = config['quantization_config'] as Json;
    assert.deepEqual(rest, { quant_method: 'compressed-tensors', version: '0.14.0.1' });
    const { global_sparsity: zeros, ignore, ...section } = stated as Json;
    assert.deepEqual(section, {
      format: 'sparse-24-bitmask',
      sparsity_structure: '2:4',
      targets: ['Linear'],
    });
    assert.equal((ignore as string[]).length, 1 + 4 * weights.shape.layers);
    assert.equal((ignore as string[])[1], 'model.layers.0.self_attn.q_proj');
    assert.ok((zeros as number) > 0.2 && (zeros as number) < 0.5);
    const found = { maps: 3, pattern: '2:4', along: 'inputs', holdsAlongInputs: true };
    const all = { ...found, nonzeroFraction: 0.5 };
    assert.deepEqual(sparsity['maps'], { gate: all, up: all, down: all });
    assert.equal(sparsity['twoOfFourAlongInputs'], true);
    assert.equal(config['model_type'], 'llama');
    assert.match(loadable.reason, /compressed-tensors 0\.14/);
    assert.match(await readFile(join(dir, 'README.md'), 'utf8'), /Ampere/);
  });

  test('tells that groups along the outputs are none that 2:4 kernels take', async () => {
    const dir = join(folder, 'outputs');
    await exportCompressed(dir, sparseMlps(weights, 'outputs'), subnet, source, F32);
    const { config, sparsity } = await blockOf(dir);
    const maps = sparsity['maps'] as Record<string, Json>;
    assert.deepEqual(maps['gate'], {
      ...{ maps: 3, pattern: '2:4', along: 'outputs', holdsAlongInputs: false },
      nonzeroFraction: 0.5,
    });
    assert.equal(maps['down']!['holdsAlongInputs'], true);
    assert.equal(sparsity['format'], 'sparse-bitmask');
    assert.equal(sparsity['twoOfFourAlongInputs'], false);
    // Stock programs know the model but not how it is packed: they must not take it for theirs.
    assert.equal(config['model_type'], 'subnet_llama');
    assert.match(await readFile(join(dir, 'README.md'), 'utf8'), /would not take it/);
  });

  test('packs a tensor of several maps as one, and says of each map what it holds', async () => {
    await writeTinyModel(join(folder, 'fused'), PHI3);
    const fused = await openSource(join(folder, 'fused'));
    const dense = await loadWeights(fused);
    const sparse = sparseMlps(dense, 'inputs');
    const dir = join(folder, 'fused-packed');
    await exportCompressed(dir, sparse, denseSubnet(dense.shape), fused, F32);
    const { config, sparsity } = await blockOf(dir);
    assert.equal(config['model_type'], 'phi3');
    assert.deepEqual(Object.keys(sparsity['maps'] as Json), ['gate', 'up', 'down']);
    assert.equal(sparsity['twoOfFourAlongInputs'], true);
    assert.deepEqual(await loadWeights(await openCheckpoint(dir)), sparse);
  });

  test('refuses models whose maps are no Linear, and does not offer to pack them', async () => {
    await writeTinyModel(join(folder, 'conv1d'), GPT2);
    const conv1d = await openSource(join(folder, 'conv1d'));
    const sparse = sparseMlps(await loadWeights(conv1d), 'inputs');
    const all = denseSubnet(sparse.shape);
    assert.equal(await canCompress(sparse, all, conv1d, F32), false);
    await assert.rejects(
      exportCompressed(join(folder, 'conv1d-packed'), sparse, all, conv1d, F32),
      (error) => isEngineError(error, 'config') && /gpt2 models store them/.test(error.message),
    );
  });

  test('counts what is on disk, indices included', async () => {
    const dir = join(folder, 'sizes');
    await exportCompressed(dir, sparseMlps(weights, 'inputs'), subnet, source, F32);
    await exportCheckpoint(`${dir}-dense`, sparseMlps(weights, 'inputs'), subnet, source, F32);
    const { sparsity } = await blockOf(dir);
    const size = async (path: string): Promise<number> =>
      (await readFile(join(path, 'model.safetensors'))).length;
    assert.equal(sparsity['compressedBytes'], await size(dir));
    assert.equal(sparsity['denseBytes'], await size(`${dir}-dense`));
    const { layers, hidden, intermediate } = weights.shape;
    const count = 3 * layers * hidden * intermediate;
    assert.equal(sparsity['mapsDenseBytes'], 4 * count);
    const index = count / 8 + 3 * layers * 16;
    assert.equal(sparsity['indexBytes'], index);
    assert.equal(sparsity['mapsCompressedBytes'], 2 * count + index);
  });

  test('reads what a narrower subnet keeps, of a family and a layout of any kind', async () => {
    for (const [i, options] of [LLAMA, OPT, OPT_350M, PHI3].entries()) {
      await writeTinyModel(join(folder, `narrow-${i}`), options);
      const from = await openSource(join(folder, `narrow-${i}`));
      const sparse = withZeros(await loadWeights(from));
      for (const seed of [1, 2]) {
        const masks = randomMasks(sparse.shape, seed);
        const [dense, packed] = ['dense', 'packed'].map((name) =>
          join(folder, `narrow-${i}-${seed}-${name}`),
        ) as [string, string];
        await exportCheckpoint(dense, sparse, masks, from, F32);
        const { loadable } = await exportCompressed(packed, sparse, masks, from, F32);
        assert.equal(loadable.transformers, false);
        // Files differ by design: one of them lacks the zeros.
        const own = { files: [], folder: '', configBytes: new Uint8Array() };
        assert.deepEqual(
          { ...(await readSubnetCheckpoint(packed)), ...own },
          {
            ...(await readSubnetCheckpoint(dense)),
            ...own,
            config: (await blockOf(packed)).config,
          },
        );
        assert.ok(!(await readdir(packed)).includes('modeling_subnet.py'));
      }
    }
  });

  test('can be pruned and exported in its turn, as a plain model again', async () => {
    const dir = join(folder, 'first');
    await exportCompressed(dir, sparseMlps(weights, 'outputs'), subnet, source, F32);
    const again = await openSource(dir);
    const same = await loadWeights(again);
    await exportCheckpoint(join(folder, 'second'), same, subnet, again, F32);
    const { config } = await blockOf(join(folder, 'second'));
    assert.equal(config['model_type'], 'llama');
    assert.equal(config['quantization_config'], undefined);
    assert.deepEqual(await loadWeights(await openCheckpoint(join(folder, 'second'))), same);
  });

  test('refuses weights without zeros worth packing', async () => {
    const dir = join(folder, 'nothing');
    const few = weights.layers.map((layer) => ({
      ...layer,
      up: { ...layer.up, weight: layer.up.weight.map((value, i) => (i % 50 === 0 ? 0 : value)) },
    }));
    for (const one of [weights, new ModelWeights({ ...weights, layers: few })]) {
      assert.equal(await canCompress(one, subnet, source, F32), false);
      await assert.rejects(
        exportCompressed(dir, one, subnet, source, F32),
        (error) => isEngineError(error, 'config') && /sparsify/.test(error.message),
      );
    }
    assert.equal(await canCompress(sparseMlps(weights, 'inputs'), subnet, source, F32), true);
  });

  test('leaves no folder that looks whole when it dies between two files', async () => {
    const sparse = sparseMlps(weights, 'inputs');
    const files = ['model.safetensors', 'tokenizer.json', 'README.md', 'config.json'];
    for (const file of files) {
      const dir = join(folder, `killed-at-${file}`);
      await mkdir(dir);
      await exportCompressed(dir, sparse, subnet, source, F32);
      // A folder in its place: this file cannot be written.
      await rm(join(dir, file));
      await mkdir(join(dir, file, 'inside'), { recursive: true });
      await assert.rejects(exportCompressed(dir, sparse, subnet, source, F32), (error) =>
        isEngineError(error, 'disk'),
      );
      const config = await stat(join(dir, 'config.json')).catch(() => undefined);
      assert.ok(config?.isFile() !== true, file);
      await assert.rejects(readSubnetCheckpoint(dir), (error) =>
        isEngineError(error, 'checkpoint'),
      );
    }
  });

  test('packs what rounding makes zero, and nothing that it does not', async () => {
    const small = weights.layers.map((layer) => ({
      ...layer,
      up: { ...layer.up, weight: layer.up.weight.map((value, i) => (i % 2 ? value : 1e-12)) },
    }));
    const tiny = new ModelWeights({ ...weights, layers: small });
    assert.equal(await canCompress(tiny, subnet, source, { ...F32, dtype: 'F16' }), true);
    assert.equal(await canCompress(tiny, subnet, source, F32), false);
  });

  test('packs rows and columns of the file, not of memory', async () => {
    const { hidden, intermediate }: ModelShape = weights.shape;
    const dir = join(folder, 'orientation');
    const sparse = sparseMlps(weights, 'inputs');
    await exportCompressed(dir, sparse, subnet, source, F32);
    const { tensors } = await openCheckpoint(dir);
    const down = tensors.find(({ spec }) => spec.parts[0]!.slot === 'down.weight')!;
    assert.deepEqual(down.located.entry.dims, [hidden, intermediate]);
    assert.equal(down.located.packed?.form, 'sparse-24-bitmask');
    const stored = transpose(sparse.layers[0]!.down.weight, intermediate, hidden);
    assert.ok(stored.every((value, i) => i % 4 < 2 || value === 0));
  });
});
