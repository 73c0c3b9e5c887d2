import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import type { ModelWeights } from '../../../src/engine/checkpoint/modelWeights.ts';
import { ForwardPass } from '../../../src/engine/graphs/forwardPass.ts';
import { LossHead } from '../../../src/engine/graphs/lossHead.ts';
import { Runtime } from '../../../src/engine/runtime/runtime.ts';
import { denseSubnet, type Subnet } from '../../../src/engine/model/subnet.ts';
import { maskedWeights } from '../../fixtures/maskedWeights.ts';
import { randomMasks } from '../../fixtures/randomSubnet.ts';
import { type TinyOptions, tinyWeights } from '../../fixtures/tinyModel.ts';

const runtime = new Runtime('cpu', 2);
after(() => runtime.release());

const models: Record<string, TinyOptions> = {
  'a Llama with grouped queries': { layers: 3 },
  'a Llama without groups, untied': { layers: 2, kvHeads: 4, tied: false },
  'a Llama whose heads are no multiple of 8 wide': { layers: 2, headDim: 6 },
  'an OPT with biases': { family: 'opt', layers: 3 },
  'a GPT-NeoX of parallel blocks': { family: 'gpt_neox', layers: 3 },
  'a GPT-NeoX of sequential blocks': {
    ...{ family: 'gpt_neox', config: { use_parallel_residual: false } },
  },
};

/** float32 sums of some 10² terms of size 1, through a few layers: 1e-4 leaves tenfold headroom. */
const TOLERANCE = 1e-4;

async function logitsOf(
  weights: ModelWeights,
  subnet: Subnet,
  time: number,
): Promise<Float32Array> {
  const forward = new ForwardPass(runtime, weights.shape);
  const head = new LossHead(forward);
  const windows = [tokens(weights, time, 1), tokens(weights, time, 2)];
  let states = await forward.embed(weights, [windows]);
  for (const [l, layer] of weights.layers.entries()) {
    states = await forward.block(layer, subnet.layers[l]!, states);
  }
  return head.logits(weights, states[0]!);
}

function tokens(weights: ModelWeights, time: number, step: number): Uint32Array {
  return Uint32Array.from({ length: time }, (_, t) => (7 + t * step * 31) % weights.shape.vocab);
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  assert.equal(a.length, b.length);
  return a.reduce((worst, value, i) => Math.max(worst, Math.abs(value - b[i]!)), 0);
}

for (const [name, options] of Object.entries(models)) {
  describe(name, () => {
    const weights = tinyWeights(options);
    const dense = denseSubnet(weights.shape);

    for (const seed of [1, 2, 3, 4, 5, 6]) {
      test(`gives the same logits sliced as masked (random mask ${seed})`, async () => {
        const subnet = randomMasks(weights.shape, seed);
        const sliced = await logitsOf(weights, subnet, 24);
        const masked = await logitsOf(maskedWeights(weights, subnet), dense, 24);
        assert.ok(largestDifference(sliced, masked) < TOLERANCE);
        const full = await logitsOf(weights, dense, 24);
        assert.ok(largestDifference(sliced, full) > 0.01, 'the mask should matter');
      });
    }
  });
}

for (const family of ['llama', 'gpt_neox'] as const) {
  test(`the fused and the plain attention agree on a masked ${family}`, async () => {
    const weights = tinyWeights({ family, layers: 2, config: { max_position_embeddings: 1024 } });
    const subnet = randomMasks(weights.shape, 3);
    // 1,024 tokens is where the fused operator takes over; causality makes the first ones equal.
    const long = await logitsOf(weights, subnet, 1024);
    const short = await logitsOf(weights, subnet, 200);
    const { vocab } = weights.shape;
    assert.ok(
      largestDifference(long.subarray(0, 200 * vocab), short.subarray(0, 200 * vocab)) < TOLERANCE,
    );
  });
}

test('a parallel MLP that is not told what it reads is refused', async () => {
  const weights = tinyWeights({ family: 'gpt_neox' });
  const forward = new ForwardPass(runtime, weights.shape);
  const states = await forward.embed(weights, [[tokens(weights, 8, 1)]]);
  const dense = denseSubnet(weights.shape).layers[0]!;
  await assert.rejects(
    forward.sublayer('mlp', weights.layers[0]!, dense, states),
    /reads the stream before its block/,
  );
});

test('KL against itself is zero and against a subnet equals the textbook sum', async () => {
  const weights = tinyWeights({ layers: 2 });
  const { shape } = weights;
  const forward = new ForwardPass(runtime, shape);
  const head = new LossHead(forward);
  const windows = [tokens(weights, 16, 1), tokens(weights, 16, 3)];
  const run = async (subnet: Subnet) => {
    let states = await forward.embed(weights, [windows]);
    for (const [l, layer] of weights.layers.entries()) {
      states = await forward.block(layer, subnet.layers[l]!, states);
    }
    return states;
  };
  const dense = await run(denseSubnet(shape));
  const subnet = randomMasks(shape, 2);
  const pruned = await run(subnet);
  const targets = await head.denseTargets(weights, dense);
  const self = await head.losses(weights, dense, targets);
  assert.ok(self.every((kl) => Math.abs(kl) < 1e-5));
  const fast = await head.losses(weights, pruned, targets);
  const p = await head.logits(weights, dense[0]!);
  const q = await head.logits(weights, pruned[0]!);
  let at = 0;
  for (const window of [0, 1]) {
    for (let t = 0; t < 15; t++) {
      const from = (window * 16 + t) * shape.vocab;
      const row = (z: Float32Array): Float32Array => z.subarray(from, from + shape.vocab);
      assert.ok(Math.abs(fast[at++]! - klOf(row(p), row(q))) < 1e-4);
    }
  }
});

function klOf(p: Float32Array, q: Float32Array): number {
  const [lp, lq] = [logSoftmax(p), logSoftmax(q)];
  return lp.reduce((sum, value, i) => sum + Math.exp(value) * (value - lq[i]!), 0);
}

function logSoftmax(z: Float32Array): number[] {
  const total = Math.log(z.reduce((sum, value) => sum + Math.exp(value), 0));
  return [...z].map((value) => value - total);
}
