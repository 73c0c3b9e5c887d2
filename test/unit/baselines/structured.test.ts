import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import {
  depthSubnet,
  greedyOrder,
  influenceOrder,
  blocksTouched,
} from '../../../src/engine/baselines/depth.ts';
import { flapSubnet, standardised } from '../../../src/engine/baselines/flap.ts';
import {
  collectFluctuations,
  type LayerFluctuation,
} from '../../../src/engine/baselines/fluctuation.ts';
import {
  assertSpends,
  magnitudeSubnet,
  type StructuredCandidate,
} from '../../../src/engine/baselines/structuredSubnet.ts';
import { uniformObcSubnet } from '../../../src/engine/baselines/uniformObc.ts';
import { uniformWidths, wandaSpSubnet } from '../../../src/engine/baselines/wandaSp.ts';
import { collectStatistics } from '../../../src/engine/calibration/collect.ts';
import type { ModelWeights } from '../../../src/engine/checkpoint/modelWeights.ts';
import { ForwardPass } from '../../../src/engine/graphs/forwardPass.ts';
import { blockOf, readsOf, type SublayerKind } from '../../../src/engine/model/block.ts';
import { rngFor } from '../../../src/engine/numeric/rng.ts';
import { Runtime } from '../../../src/engine/runtime/runtime.ts';
import { Solver } from '../../../src/engine/runtime/solver.ts';
import { blockBudget, countParameters, unitCosts } from '../../../src/engine/model/cost.ts';
import { assertLegal } from '../../../src/engine/subnet/legal.ts';
import { denseSubnet, hasAttention, type Subnet } from '../../../src/engine/model/subnet.ts';
import { isEngineError } from '../../../src/protocol/errors.ts';
import { relativeDifference } from '../../fixtures/randomMatrix.ts';
import { tinyWeights } from '../../fixtures/tinyModel.ts';

const runtime = new Runtime('cpu', 2);
const solver = new Solver(runtime);
after(() => runtime.release());

const models = {
  'a Llama with grouped queries': tinyWeights({ layers: 5 }),
  'an OPT with biases': tinyWeights({ family: 'opt', layers: 5, heads: 4 }),
  'a GPT-NeoX of parallel blocks': tinyWeights({ family: 'gpt_neox', layers: 5, heads: 4 }),
};
const RATIOS = [0.9, 0.8, 0.7, 0.6, 0.5];

for (const [name, weights] of Object.entries(models)) {
  const { shape } = weights;
  const forward = new ForwardPass(runtime, shape);
  const batches = batchesFor(weights);
  const request = { forward, weights, batches };

  describe(`baselines of ${name}`, () => {
    it('spend the same budget to the last neuron, whatever the ratio', async () => {
      const fluctuations = await collectFluctuations(forward, weights, batches);
      for (const ratio of RATIOS) {
        const budget = blockBudget(shape, ratio);
        const made: Record<string, StructuredCandidate> = {
          magnitude: await magnitudeSubnet(weights, budget),
          'wanda-sp': await wandaSpSubnet({ ...request, budget }),
          flap: await flapSubnet(weights, fluctuations, budget),
          depth: await depthSubnet(weights, [2, 1, 3, 0, 4], budget),
          'uniform-obc': await uniformObcSubnet({ ...request, solver, damping: 0.01, budget }),
        };
        for (const candidate of Object.values(made)) {
          assertLegal(shape, candidate.subnet);
          assertSpends(candidate.blockParams, budget, unitCosts(blockOf(shape, 0)).mlp);
        }
      }
    });

    it('have the variance of FLAP from two passes over the activations', async () => {
      const found = await collectFluctuations(forward, weights, batches);
      const expected = await twoPasses(forward, weights, batches);
      for (const [l, layer] of found.entries()) {
        for (const kind of ['attention', 'mlp'] as const) {
          const { mean, variance } = expected[l]![kind];
          assert.ok(relativeDifference(layer[kind].mean, mean) < 1e-6, `${l} ${kind}`);
          assert.ok(relativeDifference(layer[kind].variance, variance) < 1e-6, `${l} ${kind}`);
        }
      }
    });

    it('keep the mean output of what FLAP thins first', async () => {
      const fluctuations = await collectFluctuations(forward, weights, batches);
      const made = await flapSubnet(weights, fluctuations, blockBudget(shape, 0.6));
      const mask = made.subnet.layers[0]!;
      const own = new ForwardPass(runtime, made.weights.shape);
      const states = await forward.embed(weights, batches);
      for (const kind of ['attention', 'mlp'] as const) {
        const present = kind === 'mlp' ? mask.mlp.length > 0 : hasAttention(mask);
        if (!present) continue;
        // The statistics of the MLP are those behind the dense attention.
        const dense = denseSubnet(shape).layers[0]!;
        const before =
          kind === 'attention'
            ? states
            : await forward.sublayer('attention', weights.layers[0]!, dense, states);
        const layer = weights.layers[0]!;
        const reads = readsOf(kind, layer.block, { entering: states, states: before });
        const whole = await forward.sublayer(kind, layer, dense, before, { reads });
        const thin = await own.sublayer(kind, await made.weights.block(0), mask, before, { reads });
        const [a, b] = [await meanOf(forward, whole), await meanOf(forward, thin)];
        assert.ok(relativeDifference(b, a) < 1e-5, kind);
      }
    });
  });
}

const llama = models['a Llama with grouped queries'];

describe('Wanda-sp', () => {
  it('keeps the heads and neurons of the largest |W|·‖x‖ of the first block', async () => {
    const forward = new ForwardPass(runtime, llama.shape);
    const batches = batchesFor(llama);
    const budget = blockBudget(llama.shape, 0.6);
    const { subnet } = await wandaSpSubnet({ forward, weights: llama, batches, budget });
    const { heads, neurons } = uniformWidths(llama.shape, budget);
    const [first] = llama.layers;
    const contexts: Float64Array[] = [];
    await collectStatistics(forward, llama, batches, ({ layer, statistics }) => {
      if (layer === 0) contexts.push(statistics.context.gram);
    });
    const scores = [0, 1].map((head) => {
      let sum = 0;
      for (let i = head * 16; i < (head + 1) * 16; i++) {
        const row = first!.o.weight.subarray(i * 32, (i + 1) * 32);
        sum += Math.sqrt(contexts[0]![i * 33]!) * row.reduce((s, w) => s + Math.abs(w), 0);
      }
      return sum;
    });
    assert.equal(heads, 1);
    const best = scores[0]! > scores[1]! ? 0 : 1;
    assert.ok(subnet.layers[0]!.heads[best]!.qk.length > 0);
    assert.equal(subnet.layers[0]!.heads[1 - best]!.qk.length, 0);
    subnet.layers.forEach(({ mlp }, l) => assert.equal(mlp.length, neurons[l]));
  });

  it('refuses a budget that whole heads cannot meet', () => {
    assert.throws(
      () => uniformWidths(llama.shape, 1000),
      (error) => isEngineError(error, 'budget'),
    );
  });
});

describe('FLAP', () => {
  it('refuses statistics that are no numbers', async () => {
    const forward = new ForwardPass(runtime, llama.shape);
    const fluctuations = await collectFluctuations(forward, llama, batchesFor(llama));
    fluctuations[2]!.mlp.variance[5] = NaN;
    await assert.rejects(
      flapSubnet(llama, fluctuations, blockBudget(llama.shape, 0.7)),
      (error) => isEngineError(error, 'numeric') && error.message.includes('block 2'),
    );
  });

  it('standardises to mean 0 and deviation 1, and gives zeros where nothing varies', () => {
    const found = standardised(Float64Array.of(1, 2, 3, 6));
    assert.ok(Math.abs(found.reduce((sum, x) => sum + x, 0)) < 1e-12);
    assert.ok(Math.abs(found.reduce((sum, x) => sum + x * x, 0) - 3) < 1e-12);
    assert.deepEqual(standardised(Float64Array.of(4, 4)), Float64Array.of(0, 0));
  });
});

describe('depth removal', () => {
  const { shape } = llama;

  it('takes whole blocks in order and thins the one that is too many', async () => {
    const budget = blockBudget(shape, 0.5);
    const { subnet } = await depthSubnet(llama, [3, 1, 2, 0, 4], budget);
    const kept = subnet.layers.map((mask) => countOf(mask.mlp.length, hasAttention(mask)));
    assert.deepEqual(kept, ['whole', 'gone', 'thin', 'gone', 'whole']);
    assert.equal(blocksTouched(shape, budget), 4);
    assert.ok(countParameters(shape, subnet).block <= budget);
  });

  it('follows influence from the least, ties by index', () => {
    assert.deepEqual(influenceOrder([0.5, 0.1, 0.3, 0.1]), [1, 3, 2, 0]);
  });

  it('by loss removes each time the block that hurts least, never the first or the last', async () => {
    // Blocks 1 and 2 are cheap alone, but not together.
    const weights = [0, 1, 1.5, 4, 0];
    const loss = (subnet: Subnet): Promise<number> => {
      const gone = subnet.layers.map((mask) => mask.mlp.length === 0);
      const alone = gone.reduce((sum, is, l) => sum + (is ? weights[l]! : 0), 0);
      return Promise.resolve(alone + (gone[1]! && gone[2]! ? 10 : 0));
    };
    assert.deepEqual(await greedyOrder(shape, 3, loss), [1, 3, 2]);
    await assert.rejects(greedyOrder(shape, 4, loss), (error) => isEngineError(error, 'budget'));
  });
});

function countOf(neurons: number, attention: boolean): string {
  if (neurons === 64) return 'whole';
  return neurons === 0 && !attention ? 'gone' : 'thin';
}

function batchesFor({ shape }: ModelWeights): Uint32Array[][] {
  const rng = rngFor(7, 'windows');
  const window = (): Uint32Array => Uint32Array.from({ length: 24 }, () => rng.int(shape.vocab));
  return [[window(), window(), window()], [window()]];
}

/** Mean and variance the slow way, with all activations at hand. */
async function twoPasses(
  forward: ForwardPass,
  weights: ModelWeights,
  batches: readonly (readonly Uint32Array[])[],
): Promise<LayerFluctuation[]> {
  const mask = denseSubnet(weights.shape).layers[0]!;
  let states = await forward.embed(weights, batches);
  const found: LayerFluctuation[] = [];
  for (const layer of weights.layers) {
    const entering = states;
    const of = async (kind: SublayerKind): Promise<LayerFluctuation['mlp']> => {
      const parts: Float32Array[] = [];
      states = await forward.sublayer(kind, layer, mask, states, {
        reads: readsOf(kind, layer.block, { entering, states }),
        tap: ({ inner }) => void parts.push(inner.slice()),
      });
      const width = kind === 'mlp' ? 64 : 32;
      const all = parts.flatMap((part) => [...part]);
      const channel = (i: number): number[] => all.filter((_, at) => at % width === i);
      const mean = Float64Array.from({ length: width }, (_, i) => average(channel(i)));
      const variance = mean.map((centre, i) => {
        const values = channel(i);
        const squares = values.map((x) => (x - centre) ** 2);
        return (average(squares) * values.length) / (values.length - 1);
      });
      return { mean, variance };
    };
    found.push({ attention: await of('attention'), mlp: await of('mlp') });
  }
  return found;
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

async function meanOf(
  forward: ForwardPass,
  states: Awaited<ReturnType<ForwardPass['sublayer']>>,
): Promise<Float64Array> {
  const sum = new Float64Array(32);
  for (const state of states) {
    const x = await forward.host(state);
    x.forEach((value, at) => (sum[at % 32]! += value));
  }
  return sum;
}
