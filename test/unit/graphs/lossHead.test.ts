import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { ModelWeights } from '../../../src/engine/checkpoint/modelWeights.ts';
import { ForwardPass } from '../../../src/engine/graphs/forwardPass.ts';
import { LossHead } from '../../../src/engine/graphs/lossHead.ts';
import { rngFor } from '../../../src/engine/numeric/rng.ts';
import { Runtime, tensorOf } from '../../../src/engine/runtime/runtime.ts';
import { tinyShape, tinyWeights } from '../../fixtures/tinyModel.ts';

const runtime = new Runtime('cpu', 2);
after(() => runtime.release());

const HIDDEN = 8;
const POSITIONS = 16;
/** Tokens that stand out, as in a real vocabulary: what they add to the sum hides all other terms. */
const LIKELY = 20;

/**
 * Half a unit in the last place of a loss of 16 is 5e-7, in either direction, so the mean of 16
 * positions is far better than that. One float32 sum after the other misses by 1.4e-4 and more.
 */
const MEAN_ERROR = 1e-6;

/** A head of so many tokens over a width of {@link HIDDEN}; nothing else of the model is used. */
function headOf(vocab: number, logitCap?: number): ModelWeights {
  const sizes = { hidden: HIDDEN, heads: 1, kvHeads: 1, headDim: HIDDEN, layers: 1, tied: false };
  const rng = rngFor(1, 'head', String(vocab));
  const spread = 2.2 / Math.sqrt(HIDDEN);
  const head = Float32Array.from({ length: vocab * HIDDEN }, (_, i) => {
    const raise = Math.floor(i / HIDDEN) < LIKELY ? 12 / HIDDEN : 0;
    return spread * rng.normal() + raise;
  });
  const cap = logitCap === undefined ? {} : { logitCap };
  const shape = { ...tinyShape({ ...sizes, vocab }), ...cap };
  return new ModelWeights({ ...tinyWeights(sizes), shape, head });
}

/** Residual streams [POSITIONS + 1, HIDDEN]; the last one predicts nothing. */
function streams(seed: number): Float32Array {
  const rng = rngFor(seed, 'streams');
  return Float32Array.from({ length: (POSITIONS + 1) * HIDDEN }, () => 1 + 0.3 * rng.normal());
}

/** Logits of every predicting position in float64. */
function exactLogits({ shape, head, finalNorm }: ModelWeights, x: Float32Array): Float64Array[] {
  return Array.from({ length: POSITIONS }, (_, t) => {
    const row = Float64Array.from(x.subarray(t * HIDDEN, (t + 1) * HIDDEN));
    const square = row.reduce((sum, value) => sum + value * value, 0) / HIDDEN;
    const scale = 1 / Math.sqrt(square + shape.norm.epsilon);
    const h = row.map((value, i) => value * scale * finalNorm!.gain[i]!);
    return Float64Array.from({ length: shape.vocab }, (_, v) => {
      let sum = 0;
      for (let i = 0; i < HIDDEN; i++) sum += head[v * HIDDEN + i]! * h[i]!;
      const cap = shape.logitCap;
      return cap === undefined ? sum : cap * Math.tanh(sum / cap);
    });
  });
}

function logSumExp(logits: Float64Array): number {
  let most = -Infinity;
  for (const logit of logits) most = Math.max(most, logit);
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - most);
  return Math.log(sum) + most;
}

function meanError(found: Float32Array, exact: readonly number[]): number {
  assert.equal(found.length, exact.length);
  return exact.reduce((sum, value, i) => sum + found[i]! - value, 0) / exact.length;
}

// Three real sizes, one that 256 does not divide, and one below 256; two whose logits are capped.
for (const [vocab, cap] of [
  [49_152],
  [128_256],
  [262_144],
  [50_257],
  [200],
  [50_257, 15],
  [200, 5],
] as const) {
  describe(`with a vocabulary of ${vocab}${cap === undefined ? '' : ` and a cap of ${cap}`}`, () => {
    const weights = headOf(vocab, cap);
    const head = new LossHead(new ForwardPass(runtime, weights.shape));
    const dims = [1, POSITIONS + 1, HIDDEN];

    test('the mean loss is exact to 1e-6 nats', async () => {
      const x = streams(1);
      const window = Uint32Array.from({ length: POSITIONS + 1 }, (_, t) => (t * 7919) % vocab);
      const targets = await head.nextTokenTargets(weights, [window]);
      const losses = await head.losses(weights, [tensorOf(x, dims)], targets);
      const exact = exactLogits(weights, x).map((z, t) => logSumExp(z) - z[window[t + 1]!]!);
      assert.ok(Math.abs(meanError(losses, exact)) < MEAN_ERROR, `${meanError(losses, exact)}`);
    });

    test('the mean KL divergence is exact to 1e-6 nats', async () => {
      const [dense, other] = [streams(1), streams(2)];
      const targets = await head.denseTargets(weights, [tensorOf(dense, dims)]);
      const losses = await head.losses(weights, [tensorOf(other, dims)], targets);
      const others = exactLogits(weights, other);
      const exact = exactLogits(weights, dense).map((z, t) => {
        const [own, theirs] = [logSumExp(z), logSumExp(others[t]!)];
        return z.reduce(
          (sum, logit, v) => sum + Math.exp(logit - own) * (logit - own - others[t]![v]! + theirs),
          0,
        );
      });
      assert.ok(Math.abs(meanError(losses, exact)) < MEAN_ERROR, `${meanError(losses, exact)}`);
    });
  });
}
