import assert from 'node:assert/strict';
import { mkdtemp, open, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { inMemory, ModelWeights } from '../../../src/engine/checkpoint/modelWeights.ts';
import { decoderPerplexity } from '../../../src/engine/export/decoderPerplexity.ts';
import { decoderRows } from '../../../src/engine/export/decoderRows.ts';
import { exportOnnx } from '../../../src/engine/export/exportOnnx.ts';
import type { SearchTimeModel } from '../../../src/engine/export/searchTimeLogits.ts';
import { referenceOf } from '../../../src/engine/export/logitReference.ts';
import { verifyIntegers } from '../../../src/engine/export/verify.ts';
import { perplexityOf } from '../../../src/engine/evaluation/perplexity.ts';
import type { BlockFormat } from '../../../src/engine/quantise/blockFormat.ts';
import type { QuantisedModel } from '../../../src/engine/quantise/quantisedModel.ts';
import { quantiseModel } from '../../../src/engine/quantise/quantiseModel.ts';
import { roundModel } from '../../../src/engine/quantise/roundModel.ts';
import { Runtime } from '../../../src/engine/runtime/runtime.ts';
import { SolverGemm } from '../../../src/engine/runtime/solverGemm.ts';
import { denseSubnet, type Subnet } from '../../../src/engine/model/subnet.ts';
import { isEngineError } from '../../../src/protocol/errors.ts';
import { randomMasks } from '../../fixtures/randomSubnet.ts';
import { tinyWeights } from '../../fixtures/tinyModel.ts';
import {
  changed,
  F32,
  LLAMA,
  OPT,
  OPT_350M,
  randomWindows,
  searchTimeModel,
  withoutAttention,
} from '../export/candidates.ts';

const FOUR: BlockFormat = { bits: 4, blockSize: 16 };
const EIGHT: BlockFormat = { bits: 8, blockSize: 32 };
const BIASED = { ...LLAMA, config: { attention_bias: true, mlp_bias: true } };

describe('a model of integers', () => {
  let folder: string;
  const runtime = new Runtime('cpu', 2);
  const gemm = new SolverGemm(runtime);
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'integers-'));
  });
  after(async () => {
    await runtime.release();
    await rm(folder, { recursive: true });
  });

  function swept(
    search: SearchTimeModel,
    weights: ModelWeights,
    subnet: Subnet,
    format: BlockFormat,
  ): Promise<QuantisedModel> {
    return quantiseModel({
      ...{ forward: search.forward, gemm, weights, subnet, format },
      batches: [
        randomWindows(weights.shape.vocab, 4, 24),
        randomWindows(weights.shape.vocab, 2, 24),
      ],
      layoutOf: decoderRows,
    });
  }

  async function written(quantised: QuantisedModel, subnet: Subnet, name: string): Promise<string> {
    const options = { ...F32, quantised };
    return (await exportOnnx(join(folder, name), quantised.weights, subnet, options)).path;
  }

  for (const [name, options] of Object.entries({ LLAMA, BIASED, OPT, OPT_350M })) {
    for (const format of [FOUR, EIGHT]) {
      test(`reloads and matches what its integers stand for: ${name}, ${format.bits} bits`, async () => {
        const weights = tinyWeights(options);
        const { shape } = weights;
        const search = searchTimeModel(runtime, shape);
        const subnets = [
          denseSubnet(shape),
          ...[1, 2, 3].map((seed) => randomMasks(shape, seed)),
          changed(shape, (mask, l) => (l === 1 ? withoutAttention(mask) : mask)),
          changed(shape, (mask, l) => (l === 1 ? { ...mask, mlp: new Uint32Array(0) } : mask)),
        ];
        for (const [i, subnet] of subnets.entries()) {
          const quantised =
            i % 2 === 0
              ? await swept(search, weights, subnet, format)
              : await roundModel(weights, subnet, format, decoderRows);
          const windows = randomWindows(shape.vocab, 2, 11);
          const model = { weights, subnet, integers: quantised.weights };
          const reference = await referenceOf(search, model, windows, { dtype: 'F32' });
          const path = await written(quantised, subnet, 'reloaded');
          const verified = await verifyIntegers(path, runtime, reference);
          assert.ok(verified.maxDifference > 0 && verified.maxDifference < verified.tolerance);
          assert.ok(verified.rounding!.klNats > 10 * verified.klNats!, 'integers cost something');
          assert.ok(verified.activations!.klNats > 0);
        }
        assert.deepEqual((await readdir(join(folder, 'reloaded'))).sort(), [
          'README.md',
          'model.onnx',
          'model.onnx.data',
        ]);
      });
    }
  }

  test('a damaged integer is noticed', async () => {
    const weights = tinyWeights({ ...LLAMA, hidden: 96 });
    const subnet = denseSubnet(weights.shape);
    const search = searchTimeModel(runtime, weights.shape);
    const quantised = await roundModel(weights, subnet, EIGHT, decoderRows);
    const path = await written(quantised, subnet, 'damaged');
    const windows = randomWindows(weights.shape.vocab, 1, 11);
    const model = { weights, subnet, integers: quantised.weights };
    const reference = await referenceOf(search, model, windows, { dtype: 'F32' });
    await verifyIntegers(path, runtime, reference);
    const data = await open(`${path}.data`, 'r+');
    const { size } = await data.stat();
    // The last map of the file; its scales are too few to be there.
    const bytes = new Uint8Array(16).fill(255);
    await data.write(bytes, 0, bytes.length, size - 200);
    await data.close();
    await assert.rejects(verifyIntegers(path, runtime, reference), (error) =>
      isEngineError(error, 'verify'),
    );
  });

  test('its perplexity is that of the decoder, close to that of the weights it stands for', async () => {
    const weights = tinyWeights(LLAMA);
    const { shape } = weights;
    const subnet = randomMasks(shape, 2);
    const search = searchTimeModel(runtime, shape);
    const windows = randomWindows(shape.vocab, 3, 17);
    // With float activations nothing is left but another order of additions.
    const { path } = await exportOnnx(join(folder, 'floats'), weights, subnet, F32);
    const own = await decoderPerplexity(runtime, path, shape.vocab, windows);
    const { forward, head } = search;
    const wanted = await perplexityOf(forward, head, { weights, subnet }, windows);
    assert.ok(
      Math.abs(own.perplexity! / wanted.perplexity! - 1) < 1e-4,
      `${own.perplexity}, ${wanted.perplexity}`,
    );
    const quantised = await swept(search, weights, subnet, EIGHT);
    const integers = await decoderPerplexity(
      ...([runtime, await written(quantised, subnet, 'asked'), shape.vocab, windows] as const),
    );
    const stands = await perplexityOf(
      ...([forward, head, { weights: quantised.weights, subnet }, windows] as const),
    );
    assert.ok(Math.abs(integers.perplexity! / stands.perplexity! - 1) < 0.05);
    assert.notEqual(integers.perplexity, stands.perplexity);
  });

  test('zeros of a sparse candidate stay zeros, and rows it does not keep stay as they were', async () => {
    const dense = tinyWeights(LLAMA);
    const layers = dense.layers.map((layer) => ({
      ...layer,
      up: { ...layer.up, weight: layer.up.weight.map((value, i) => (i % 2 === 0 ? value : 0)) },
      down: { ...layer.down, weight: layer.down.weight.map((value, i) => (i % 3 ? value : 0)) },
    }));
    const weights = new ModelWeights({ ...dense, layers });
    const subnet = randomMasks(weights.shape, 3);
    const search = searchTimeModel(runtime, weights.shape);
    const { hidden } = weights.shape;
    const quantised = await swept(search, weights, subnet, FOUR);
    const { layers: after } = await inMemory(quantised.weights);
    after.forEach((layer, l) => {
      for (const name of ['up', 'down'] as const) {
        const [now, before] = [layer[name].weight, layers[l]![name].weight];
        const kept = new Set(subnet.layers[l]!.mlp);
        let differing = 0;
        now.forEach((value, i) => {
          if (before[i] === 0) assert.ok(value === 0);
          if (!kept.has(Math.floor(i / hidden))) assert.equal(value, before[i]);
          else if (value !== before[i]) differing++;
        });
        assert.ok(differing > 0);
      }
    });
  });

  test('the same integers come out each time', async () => {
    const weights = tinyWeights(LLAMA);
    const subnet = randomMasks(weights.shape, 1);
    const search = searchTimeModel(runtime, weights.shape);
    const [one, two] = [
      await swept(search, weights, subnet, FOUR),
      await swept(search, weights, subnet, FOUR),
    ];
    assert.deepEqual(one.layers, two.layers);
  });
});
