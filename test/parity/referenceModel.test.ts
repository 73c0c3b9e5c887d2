import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { ForwardPass } from '../../src/engine/graphs/forwardPass.ts';
import { LossHead } from '../../src/engine/graphs/lossHead.ts';
import { Runtime } from '../../src/engine/runtime/runtime.ts';
import { denseSubnet } from '../../src/engine/model/subnet.ts';
import { maskedWeights } from '../fixtures/maskedWeights.ts';
import { randomMasks } from '../fixtures/randomSubnet.ts';
import { referenceForward, surprise } from '../fixtures/referenceModel.ts';
import { TINY_OPT_350M, type TinyOptions, tinyWeights } from '../fixtures/tinyModel.ts';

const runtime = new Runtime('cpu', 2);
after(() => runtime.release());

/** Logits of size 5 from float32 sums of some 10² terms, a few blocks deep; 3e-6 is typical. */
const TOLERANCE = 5e-5;

const models: Record<string, TinyOptions> = {
  'a Llama with grouped queries': { layers: 3 },
  'a Llama with one key head for all queries, untied': { kvHeads: 1, tied: false },
  'a Llama without groups whose heads are wider than the model': { kvHeads: 4, headDim: 12 },
  'a Llama with llama3 rope scaling': {
    config: {
      rope_scaling: {
        rope_type: 'llama3',
        factor: 8,
        low_freq_factor: 1,
        high_freq_factor: 4,
        original_max_position_embeddings: 64,
      },
    },
  },
  'an OPT': { family: 'opt', layers: 3 },
  'an OPT with norms behind its sublayers and a narrow embedding': { ...TINY_OPT_350M, layers: 3 },
  'a GPT-NeoX of parallel blocks': {
    ...{ family: 'gpt_neox', layers: 3, config: { hidden_act: 'relu', rotary_pct: 0.25 } },
  },
  'a GPT-NeoX of sequential blocks': {
    ...{ family: 'gpt_neox', config: { hidden_act: 'relu', use_parallel_residual: false } },
  },
};

for (const [name, options] of Object.entries(models)) {
  test(`the graphs of ${name} compute what plain loops compute, dense and pruned`, async () => {
    const weights = tinyWeights(options);
    const { shape } = weights;
    const forward = new ForwardPass(runtime, shape);
    const head = new LossHead(forward);
    const windows = [11, 31].map((step) =>
      Uint32Array.from({ length: 20 }, (_, t) => (5 + t * t + step * t) % shape.vocab),
    );
    for (const subnet of [denseSubnet(shape), randomMasks(shape, 5)]) {
      const expected = windows.map((window) =>
        referenceForward(maskedWeights(weights, subnet), window),
      );
      let states = await forward.embed(weights, [windows]);
      for (const [l, layer] of weights.layers.entries()) {
        states = await forward.block(layer, subnet.layers[l]!, states);
      }
      const logits = await head.logits(weights, states[0]!);
      const flat = expected.flatMap((one) => one.logits.flatMap((row) => [...row]));
      const worst = flat.reduce((w, value, i) => Math.max(w, Math.abs(value - logits[i]!)), 0);
      assert.equal(flat.length, logits.length);
      assert.ok(worst < TOLERANCE, `logits differ by ${worst}`);
      const losses = await head.losses(
        weights,
        states,
        await head.nextTokenTargets(weights, windows),
      );
      const surprises = windows.flatMap((window, w) =>
        expected[w]!.logits.slice(0, -1).map((row, t) => surprise(row, window[t + 1]!)),
      );
      assert.equal(losses.length, surprises.length);
      for (const [i, one] of surprises.entries()) {
        assert.ok(Math.abs(one - losses[i]!) < TOLERANCE, `position ${i}`);
      }
    }
  });
}
