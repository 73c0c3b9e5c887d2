import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { isEngineError } from '../../../src/protocol/errors.ts';
import { LocalEvaluator, type LossKind } from '../../../src/engine/evaluation/evaluator.ts';
import { perplexityOf } from '../../../src/engine/evaluation/perplexity.ts';
import { ForwardPass } from '../../../src/engine/graphs/forwardPass.ts';
import { LossHead } from '../../../src/engine/graphs/lossHead.ts';
import { Runtime } from '../../../src/engine/runtime/runtime.ts';
import { denseSubnet, type Subnet } from '../../../src/engine/model/subnet.ts';
import { randomMasks } from '../../fixtures/randomSubnet.ts';
import { tinyWeights } from '../../fixtures/tinyModel.ts';

const runtime = new Runtime('cpu', 2);
after(() => runtime.release());

const weights = tinyWeights({ layers: 4 });
const forward = new ForwardPass(runtime, weights.shape);
const head = new LossHead(forward);
const windows = [1, 2, 3].map((step) =>
  Uint32Array.from({ length: 20 }, (_, t) => (t * step * 13 + step) % weights.shape.vocab),
);

function evaluator(kind: LossKind, cacheBytes: number): Promise<LocalEvaluator> {
  return LocalEvaluator.create({ forward, head, weights, windows, kind, cacheBytes });
}

/** `parent` with the block at `layer` taken from `other`. */
function changedAt(parent: Subnet, other: Subnet, layer: number): Subnet {
  return { layers: parent.layers.map((mask, l) => (l === layer ? other.layers[l]! : mask)) };
}

test('a child restarts at its first changed block and gets the same loss to the bit', async () => {
  const cached = await evaluator('perplexity', 1e7);
  const fresh = await evaluator('perplexity', 0);
  const parent = randomMasks(weights.shape, 1);
  const other = randomMasks(weights.shape, 2);
  await cached.loss(parent);
  for (const layer of [3, 2, 1, 0]) {
    const child = changedAt(parent, other, layer);
    const loss = await cached.loss(child);
    assert.equal(loss.cachedLayers, layer);
    assert.equal(loss.meanNats, (await fresh.loss(child)).meanNats);
  }
});

test('a cache smaller than one state changes nothing', async () => {
  const tiny = await evaluator('perplexity', 100);
  const parent = randomMasks(weights.shape, 1);
  const first = await tiny.loss(parent);
  const again = await tiny.loss(parent);
  assert.deepEqual(again, first);
  assert.equal(again.cachedLayers, 0);
});

test('KL of the dense model is zero and of a subnet is positive', async () => {
  const kl = await evaluator('kl', 0);
  assert.ok(Math.abs((await kl.loss(denseSubnet(weights.shape))).meanNats) < 1e-5);
  assert.ok((await kl.loss(randomMasks(weights.shape, 1))).meanNats > 0.01);
});

test('perplexity is the exponential of the mean loss over every predicted token', async () => {
  const subnet = randomMasks(weights.shape, 1);
  const report = await perplexityOf(forward, head, { weights, subnet }, windows);
  const loss = await (await evaluator('perplexity', 0)).loss(subnet);
  assert.equal(report.tokens, 3 * 19);
  assert.equal(loss.tokens, report.tokens);
  assert.ok(Math.abs(report.lossNats - loss.meanNats) < 1e-9);
  assert.equal(report.perplexity, Math.exp(report.lossNats));
});

test('a raised signal stops an evaluation', async () => {
  const running = await evaluator('perplexity', 0);
  await assert.rejects(running.loss(randomMasks(weights.shape, 1), AbortSignal.abort()), (error) =>
    isEngineError(error, 'cancelled'),
  );
});

test('windows of different lengths are refused', async () => {
  const uneven = [new Uint32Array(8), new Uint32Array(9)];
  await assert.rejects(
    perplexityOf(forward, head, { weights, subnet: denseSubnet(weights.shape) }, uneven),
    (error) => isEngineError(error, 'text'),
  );
});
