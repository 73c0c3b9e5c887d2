import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  type LayerWeights,
  type Linear,
  ModelWeights,
} from '../../../src/engine/checkpoint/modelWeights.ts';
import { openSource, type Source } from '../../../src/engine/checkpoint/openCheckpoint.ts';
import { decoderRows } from '../../../src/engine/export/decoderRows.ts';
import { exportCheckpoint } from '../../../src/engine/export/exportCheckpoint.ts';
import { exportOnnx } from '../../../src/engine/export/exportOnnx.ts';
import { referenceOf } from '../../../src/engine/export/logitReference.ts';
import { ownStorage, type Storage } from '../../../src/engine/export/storage.ts';
import { verifyCheckpoint, verifyIntegers, verifyOnnx } from '../../../src/engine/export/verify.ts';
import { roundModel } from '../../../src/engine/quantise/roundModel.ts';
import { Runtime } from '../../../src/engine/runtime/runtime.ts';
import { denseSubnet } from '../../../src/engine/model/subnet.ts';
import { isEngineError } from '../../../src/protocol/errors.ts';
import { tinyWeights, writeTinyModel } from '../../fixtures/tinyModel.ts';
import { F32, LLAMA, OPT, randomWindows, searchTimeModel } from './candidates.ts';

type Change = (layer: LayerWeights, weights: ModelWeights) => Partial<LayerWeights>;

/** Rows `a` and `b` (and `count` − 1 after each) exchanged. */
function swapped(linear: Linear, width: number, [a, b]: [number, number], count = 1): Linear {
  const swap = (data: Float32Array, size: number): Float32Array => {
    const out = data.slice();
    out.set(data.subarray(b * size, (b + count) * size), a * size);
    out.set(data.subarray(a * size, (a + count) * size), b * size);
    return out;
  };
  return {
    weight: swap(linear.weight, width),
    bias: linear.bias === null || linear.bias.length === width ? linear.bias : swap(linear.bias, 1),
  };
}

const SMALLEST = 'one weight is a tenth too large';

/** Mistakes that an exporter could make in one block of a model. */
const LLAMA_MISTAKES: Readonly<Record<string, Change>> = {
  'two query heads are exchanged': ({ q }, { shape }) => ({
    q: swapped(q, shape.hidden, [0, shape.headDim], shape.headDim),
  }),
  'two heads of the output map are exchanged': ({ o }, { shape }) => ({
    o: swapped(o, shape.hidden, [0, shape.headDim], shape.headDim),
  }),
  'one row of the down map is its neighbour’s': ({ down }, { shape }) => ({
    down: swapped(down, shape.hidden, [5, 6]),
  }),
  'a rotary pair of the keys is turned round': ({ k }, { shape }) => ({
    k: swapped(k, shape.hidden, [1, 1 + shape.headDim / 2]),
  }),
  'a rotary pair has its neighbour’s frequency': ({ q, k }, { shape }) => {
    const half = shape.headDim / 2;
    const both = (linear: Linear, head: number): Linear => {
      const from = head * shape.headDim;
      const first = swapped(linear, shape.hidden, [from, from + 1]);
      return swapped(first, shape.hidden, [from + half, from + half + 1]);
    };
    return { q: both(q, 0), k: both(k, 0) };
  },
  'a norm has another gain in one place': ({ mlpNorm }) => ({
    mlpNorm: {
      ...mlpNorm!,
      gain: mlpNorm!.gain.map((value, i) => (i === 3 ? 1.1 * value : value)),
    },
  }),
  'the gate and up maps are exchanged': ({ gate, up }) => ({ gate: up, up: gate! }),
  'one weight is of the other sign': ({ v }) => ({
    v: { ...v, weight: v.weight.map((value, i) => (i === 77 ? -value : value)) },
  }),
  [SMALLEST]: ({ v }) => ({
    v: { ...v, weight: v.weight.map((value, i) => (i === 77 ? 1.1 * value : value)) },
  }),
};

const OPT_MISTAKES: Readonly<Record<string, Change>> = {
  'two biases of the first MLP map are exchanged': ({ up }) => ({
    up: {
      ...up,
      bias: up.bias!.map((value, i, all) => (i === 2 ? all[9]! : i === 9 ? all[2]! : value)),
    },
  }),
  'the output bias is missing': ({ o }) => ({ o: { ...o, bias: o.bias!.map(() => 0) } }),
};

function withMistake(weights: ModelWeights, change: Change): ModelWeights {
  const layers = weights.layers.map((layer, l) =>
    l === 1 ? { ...layer, ...change(layer, weights) } : layer,
  );
  return new ModelWeights({ ...weights, layers });
}

/** Norms exact, biases and one map of every block finer than the rest. */
function severalTypes({ tensors }: Source): Storage {
  return ownStorage(
    tensors.map(({ spec: { name } }) => {
      if (name.includes('norm')) return [name, 'F32'];
      return [name, /bias$|v_proj/.test(name) ? 'F16' : 'BF16'];
    }),
  );
}

const isFailure = (error: unknown): boolean => isEngineError(error, 'verify');

describe('a wrong export is refused', () => {
  const runtime = new Runtime('cpu', 2);
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'wrong-'));
  });
  after(async () => {
    await runtime.release();
    await rm(folder, { recursive: true });
  });

  for (const [family, model, mistakes] of [
    ['llama', LLAMA, LLAMA_MISTAKES],
    ['opt', OPT, OPT_MISTAKES],
  ] as const) {
    for (const kind of ['F32', 'F16', 'BF16', 'of several types'] as const) {
      test(`whose weights are ${kind}: ${family}`, async () => {
        const source = join(folder, family);
        await writeTinyModel(source, model);
        const checkpoint = await openSource(source);
        const weights = tinyWeights(model);
        const subnet = denseSubnet(weights.shape);
        const search = searchTimeModel(runtime, weights.shape);
        const windows = randomWindows(weights.shape.vocab, 2, 24);
        const storage = kind === 'of several types' ? severalTypes(checkpoint) : { dtype: kind };
        const reference = await referenceOf(search, { weights, subnet }, windows, storage);
        const options = { ...F32, ...storage };
        const check = async (own: ModelWeights, name: string): Promise<void> => {
          const to = join(folder, family, kind);
          const { path } = await exportOnnx(join(to, 'onnx'), own, subnet, options);
          await exportCheckpoint(join(to, 'hf'), own, subnet, checkpoint, options);
          const verified = [
            () => verifyOnnx(path, runtime, reference),
            () => verifyCheckpoint(join(to, 'hf'), search, reference),
          ];
          for (const verify of verified) {
            if (name === '') await verify();
            else await assert.rejects(verify, isFailure, name);
          }
        };
        await check(weights, '');
        for (const [name, change] of Object.entries(mistakes)) {
          await check(withMistake(weights, change), name);
        }
      });
    }
  }

  for (const bits of [4, 8] as const) {
    test(`whose weights are integers of ${bits} bits`, async () => {
      const weights = tinyWeights(LLAMA);
      const subnet = denseSubnet(weights.shape);
      const search = searchTimeModel(runtime, weights.shape);
      const windows = randomWindows(weights.shape.vocab, 2, 24);
      const round = (own: ModelWeights) =>
        roundModel(own, subnet, { bits, blockSize: 16 }, decoderRows);
      const right = await round(weights);
      const model = { weights, subnet, integers: right.weights };
      const reference = await referenceOf(search, model, windows, { dtype: 'F16' });
      const verify = async (own: ModelWeights): Promise<unknown> => {
        const quantised = own === weights ? right : await round(own);
        const options = { ...F32, dtype: 'F16', quantised } as const;
        const { path } = await exportOnnx(join(folder, 'int'), quantised.weights, subnet, options);
        return verifyIntegers(path, runtime, reference);
      };
      await verify(weights);
      for (const [name, change] of Object.entries(LLAMA_MISTAKES)) {
        // Rounding to integers may leave a small change out.
        if (name === SMALLEST) continue;
        await assert.rejects(verify(withMistake(weights, change)), isFailure, name);
      }
    });
  }
});
