import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import {
  type LayerWeights,
  type Linear,
  ModelWeights,
} from '../../../src/engine/checkpoint/modelWeights.ts';
import { perplexityOf } from '../../../src/engine/evaluation/perplexity.ts';
import { ForwardPass } from '../../../src/engine/graphs/forwardPass.ts';
import { LossHead } from '../../../src/engine/graphs/lossHead.ts';
import { rngFor } from '../../../src/engine/numeric/rng.ts';
import {
  interpolated,
  judgeRefit,
  type RefitJudgement,
} from '../../../src/engine/reformation/judgeRefit.ts';
import { Runtime } from '../../../src/engine/runtime/runtime.ts';
import { denseSubnet } from '../../../src/engine/model/subnet.ts';
import { tinyWeights } from '../../fixtures/tinyModel.ts';

const runtime = new Runtime('cpu', 2);
after(() => runtime.release());

const dense = tinyWeights({ layers: 2 });
const forward = new ForwardPass(runtime, dense.shape);
const head = new LossHead(forward);
const subnet = denseSubnet(dense.shape);
const time = 16;
const rng = rngFor(1, 'tokens');
const windows = Array.from({ length: 24 }, () =>
  Uint32Array.from({ length: time }, () => rng.int(dense.shape.vocab)),
);
const batches = Array.from({ length: 6 }, (_, b) => windows.slice(4 * b, 4 * b + 4));

/** The dense model with noise in o and down: a model that a refit could repair. */
const noisy = withOutputs(dense, (linear, l) => {
  const noise = rngFor(l, 'noise', linear.weight.length);
  return { ...linear, weight: linear.weight.map((value) => value + 0.02 * noise.normal()) };
});

test('a refit that brings the model back to the dense one is taken whole', async () => {
  const { step, tokens, distance, loss } = await judgeRefit(judgement(), noisy, dense);
  assert.equal(step, 1);
  assert.equal(tokens, 24 * (time - 1));
  assert.ok(distance.before > 0.001 && Math.abs(distance.after) < 1e-5);
  for (const [found, weights] of [
    [loss.before, noisy],
    [loss.after, dense],
  ] as const) {
    const { lossNats } = await perplexityOf(forward, head, { weights, subnet }, windows);
    assert.ok(Math.abs(found - lossNats) < 1e-5);
  }
});

for (const [times, expected] of [
  [2, 1 / 2],
  [4, 1 / 4],
] as const) {
  test(`of a refit that goes ${times} times too far that share is taken`, async () => {
    const beyond = await interpolated(noisy, dense, times);
    const { step, distance } = await judgeRefit(judgement(), noisy, beyond);
    assert.equal(step, expected);
    assert.ok(Math.abs(distance.after) < 1e-5);
    const taken = (await (await interpolated(noisy, beyond, step)).block(1)).down.weight;
    const goal = dense.layers[1]!.down.weight;
    assert.ok(taken.every((value, i) => Math.abs(value - goal[i]!) < 1e-6));
  });
}

test('a refit that leads away from the dense model is not taken', async () => {
  for (const loss of ['kl', 'perplexity'] as const) {
    const { step, distance } = await judgeRefit(judgement({ loss }), dense, noisy);
    assert.equal(step, 0);
    assert.ok(distance.after > distance.before);
  }
});

test('a change of nothing is not taken', async () => {
  assert.equal((await judgeRefit(judgement(), noisy, noisy)).step, 0);
});

test('a gain that may be chance is not taken', async () => {
  // Noise in place of a refit: on a few tokens it looks like a gain now and then.
  const chance = withOutputs(noisy, (linear, l) => {
    const noise = rngFor(l, 'chance', linear.weight.length);
    return { ...linear, weight: linear.weight.map((value) => value + 0.004 * noise.normal()) };
  });
  const verdicts = await Promise.all(
    windows.map((window) =>
      judgeRefit(judgement({ batches: [[window]], rows: [null] }), noisy, chance),
    ),
  );
  const gains = verdicts.map(({ distance }) => distance.before - distance.after);
  assert.ok(verdicts.every(({ step }, i) => step === 0 || gains[i]! > 0));
  const refused = verdicts.filter(({ step }, i) => step === 0 && gains[i]! > 0);
  assert.ok(refused.length > 0, 'a gain, but no certain one');
});

test('only the tokens that were held back judge', async () => {
  const rows = batches.map((_, b) =>
    b === 1 ? Uint32Array.of(0, 1, 2, time - 1, time, time + 5) : new Uint32Array(0),
  );
  const { tokens, loss } = await judgeRefit(judgement({ rows }), noisy, dense);
  // The last token of a window predicts none.
  assert.equal(tokens, 5);
  const states = await forward.embed(noisy, [batches[1]!]);
  const losses = await head.losses(
    noisy,
    await forward.through(noisy, subnet, states),
    await head.nextTokenTargets(noisy, batches[1]!),
  );
  const counted = [0, 1, 2, time - 1, time - 1 + 5].map((at) => losses[at]!);
  const mean = counted.reduce((sum, one) => sum + one, 0) / 5;
  assert.ok(Math.abs(loss.before - mean) < 1e-5);
});

test('without a token to judge nothing is taken', async () => {
  const rows = batches.map(() => Uint32Array.of(time - 1));
  const { step, tokens, loss } = await judgeRefit(judgement({ rows }), noisy, dense);
  assert.deepEqual([step, tokens, loss], [0, 0, { before: 0, after: 0 }]);
});

test('weights on the way keep zeros, whatever both models share, and the ends themselves', async () => {
  assert.equal(await interpolated(noisy, dense, 0), noisy);
  assert.equal(await interpolated(noisy, dense, 1), dense);
  const half = await interpolated(noisy, dense, 1 / 2);
  const [layer, a, b] = [await half.block(0), noisy.layers[0]!, dense.layers[0]!];
  assert.equal(layer.q.weight, dense.layers[0]!.q.weight);
  assert.ok(
    layer.o.weight.every((v, i) => Math.abs(v - (a.o.weight[i]! + b.o.weight[i]!) / 2) < 1e-6),
  );
  const hollow = (weights: ModelWeights): ModelWeights =>
    withOutputs(weights, (linear) => ({
      ...linear,
      weight: linear.weight.map((value, i) => (i % 2 === 0 ? 0 : value)),
    }));
  const part = await interpolated(hollow(noisy), hollow(dense), 1 / 4);
  const { weight } = (await part.block(0)).down;
  assert.ok(weight.every((value, i) => i % 2 === 1 || value === 0));
});

function judgement(changes: Partial<RefitJudgement> = {}): RefitJudgement {
  const rows = batches.map(() => null);
  return { ...{ forward, head, dense, subnet, batches, rows, loss: 'kl' }, ...changes };
}

function withOutputs(
  weights: ModelWeights,
  change: (linear: Linear, l: number) => Linear,
): ModelWeights {
  const layers = weights.layers.map((layer, l): LayerWeights => {
    return { ...layer, o: change(layer.o, l), down: change(layer.down, l) };
  });
  return new ModelWeights({ ...weights, layers });
}
