import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import {
  slicedParameters,
  slicedWidths,
  sliceGptModel,
} from '../../../src/engine/baselines/sliceGpt.ts';
import { SlicedStream } from '../../../src/engine/baselines/slicedStream.ts';
import type { LayerWeights, ModelWeights } from '../../../src/engine/checkpoint/modelWeights.ts';
import { perplexityOf } from '../../../src/engine/evaluation/perplexity.ts';
import { ForwardPass } from '../../../src/engine/graphs/forwardPass.ts';
import { LossHead } from '../../../src/engine/graphs/lossHead.ts';
import { blockBudget } from '../../../src/engine/model/cost.ts';
import { denseSubnet } from '../../../src/engine/model/subnet.ts';
import { symmetricEigen } from '../../../src/engine/numeric/eigen.ts';
import { matrixOf } from '../../../src/engine/numeric/matrix.ts';
import { rngFor } from '../../../src/engine/numeric/rng.ts';
import { Runtime } from '../../../src/engine/runtime/runtime.ts';
import { Solver } from '../../../src/engine/runtime/solver.ts';
import { isEngineError } from '../../../src/protocol/errors.ts';
import {
  activate,
  attention,
  dot,
  embedded,
  output,
  project,
  type Rows,
  surprise,
} from '../../fixtures/referenceModel.ts';
import { tinyWeights } from '../../fixtures/tinyModel.ts';

const runtime = new Runtime('cpu', 2);
const solver = new Solver(runtime);
after(() => runtime.release());

const weights = tinyWeights({ layers: 3 });
const { shape } = weights;
const H = shape.hidden;
const forward = new ForwardPass(runtime, shape);
const head = new LossHead(forward);
const windows = Array.from({ length: 3 }, (_, w) => {
  const rng = rngFor(w, 'windows');
  return Uint32Array.from({ length: 24 }, () => rng.int(shape.vocab));
});
const request = { forward, solver, weights, batches: [windows.slice(0, 2), windows.slice(2)] };

describe('SliceGPT', () => {
  it('counts sliced maps and the matrices between two bases, and spends its budget', () => {
    // 32 · 32 and 16 · 32 twice in front of attention, 32 · 32 behind it; 64 · 32 twice and once.
    const [attentionIn, attentionOut, mlpIn, mlpOut] = [64, 32, 128, 64];
    const widths = [20, 21, 22, 23, 24, 25];
    const behind = [...widths.slice(1), H];
    const expected = widths.reduce((sum, d, i) => {
      const [input, own] = i % 2 === 0 ? [attentionIn, attentionOut] : [mlpIn, mlpOut];
      return sum + d * input + behind[i]! * own + d * behind[i]!;
    }, 0);
    assert.equal(slicedParameters(shape, widths), expected);
    for (const ratio of [0.9, 0.7, 0.5]) {
      const budget = blockBudget(shape, ratio);
      const chosen = slicedWidths(shape, budget);
      assert.ok(slicedParameters(shape, chosen) <= budget);
      chosen.forEach((width, i) => {
        const least = Math.min(...chosen);
        assert.ok(width === least || width === least + 1);
        if (width > least) return;
        const wider = chosen.with(i, width + 1);
        assert.ok(slicedParameters(shape, wider) > budget, `${ratio}: place ${i} could be wider`);
      });
    }
    assert.deepEqual(slicedWidths(shape, 1e9), new Array(6).fill(H));
    assert.throws(
      () => slicedWidths(shape, 50),
      (error) => isEngineError(error, 'budget'),
    );
  });

  it('computes what a model of fewer directions computes, and keeps the principal ones', async () => {
    const made = await sliceGptModel({ ...request, budget: blockBudget(shape, 0.8) });
    const projections = made.projections!;
    const widths = slicedWidths(shape, blockBudget(shape, 0.8));
    const bases = projections.map((projection, i) => {
      const { vectors } = symmetricEigen(matrixOf(Float64Array.from(projection), H, H));
      return Array.from({ length: widths[i]! }, (_, r) => vectors.data.slice(r * H, (r + 1) * H));
    });
    const grams = projections.map(() => new Float64Array(H * H));
    let [sum, tokens] = [0, 0];
    for (const window of windows) {
      const logits = slicedLogits(weights, window, bases, grams);
      for (let t = 1; t < window.length; t++, tokens++) sum += surprise(logits[t - 1]!, window[t]!);
    }
    const stream = new SlicedStream(forward, (at) => projections[at]!);
    const found = await perplexityOf(stream, head, made, windows);
    assert.ok(Math.abs(found.lossNats - sum / tokens) < 1e-5 * found.lossNats);
    const whole = { weights, subnet: denseSubnet(shape) };
    const dense = await perplexityOf(forward, head, whole, windows);
    assert.ok(Math.abs(dense.lossNats - found.lossNats) > 1e-3, 'slicing changes the model');
    for (const [i, gram] of grams.entries()) {
      const kept = projections[i]!.reduce((energy, p, at) => energy + p * gram[at]!, 0);
      const most = symmetricEigen(matrixOf(gram, H, H)).values.slice(0, widths[i]);
      const best = most.reduce((energy, value) => energy + value, 0);
      assert.ok(Math.abs(kept - best) < 1e-5 * best, `sublayer ${i}: ${kept} of ${best}`);
    }
  });

  it('with every direction is the dense model', async () => {
    const made = await sliceGptModel({ ...request, budget: 1e9 });
    const stream = new SlicedStream(forward, (at) => made.projections![at]!);
    const found = await perplexityOf(stream, head, made, windows);
    const dense = await perplexityOf(forward, head, made, windows);
    assert.ok(Math.abs(found.lossNats - dense.lossNats) < 1e-5 * dense.lossNats);
  });

  it('refuses a model whose norms or blocks do not let the stream be turned', async () => {
    for (const family of ['opt', 'gpt_neox'] as const) {
      const other = tinyWeights({ family, heads: 4 });
      const own = new ForwardPass(runtime, other.shape);
      await assert.rejects(
        sliceGptModel({ ...request, forward: own, weights: other, budget: 1e4 }),
        (error) => isEngineError(error, 'config') && /SliceGPT/.test(error.message),
      );
    }
  });
});

/**
 * Logits of the sliced model written down as the paper says, in float64: maps and embedding of fewer
 * columns, gains absorbed, a matrix on every skip connection.
 * @param bases  rows of each sublayer's basis, [2L][d][H]
 * @param grams  Σ x xᵀ of the stream before it is sliced, in whole coordinates, added to
 */
function slicedLogits(
  model: ModelWeights,
  window: Uint32Array,
  bases: readonly Rows[],
  grams: readonly Float64Array[],
): Rows {
  const identity = Array.from({ length: H }, (_, i) =>
    Float64Array.from({ length: H }, (_value, j) => Number(i === j)),
  );
  const basisAt = (i: number): Rows => bases[i] ?? identity;
  const into = (basis: Rows, x: Float64Array): Float64Array =>
    Float64Array.from(basis, (row) => row.reduce((sum, value, i) => sum + value * x[i]!, 0));
  const lifted = (basis: Rows, x: Float64Array): Float64Array => {
    const out = new Float64Array(H);
    basis.forEach((row, r) => row.forEach((value, i) => (out[i]! += value * x[r]!)));
    return out;
  };
  const addGram = (i: number, x: Float64Array): void => {
    grams[i]?.forEach((_, at) => (grams[i]![at]! += x[Math.floor(at / H)]! * x[at % H]!));
  };
  let states: Rows = Array.from(window, (id, t) => {
    const x = embedded(model, id, t);
    addGram(0, x);
    return into(basisAt(0), x);
  });
  for (const [l, layer] of model.layers.entries()) {
    for (const i of [2 * l, 2 * l + 1]) {
      const [from, to] = [basisAt(i), basisAt(i + 1)];
      const inputs = states.map(normalised);
      const updates =
        i % 2 === 0 ? attended(model, layer, from, inputs) : mapped(layer, from, inputs);
      const skip = from.map((row) => into(to, row));
      states = states.map((x, t) => {
        const whole = lifted(from, x).map((value, c) => value + updates[t]![c]!);
        addGram(i + 1, whole);
        const update = into(to, updates[t]!);
        return update.map((value, r) => value + x.reduce((sum, a, q) => sum + a * skip[q]![r]!, 0));
      });
    }
  }
  return states.map((x) => {
    const h = normalised(x).map((value, i) => value * model.finalNorm!.gain[i]!);
    return Float64Array.from({ length: shape.vocab }, (_, v) => dot(model.head, v * H, h));
  });
}

/** Over the whole width, however many directions are left. */
function normalised(x: Float64Array): Float64Array {
  const energy = x.reduce((sum, value) => sum + value * value, 0) / H;
  return x.map((value) => value / Math.sqrt(energy + shape.norm.epsilon));
}

/** W·diag(gain)·Vᵀ, as a map of the sliced stream. */
function sliced({ weight }: LayerWeights['q'], gain: Float32Array, basis: Rows): LayerWeights['q'] {
  const rows = weight.length / H;
  const out = new Float32Array(rows * basis.length);
  for (let r = 0; r < rows; r++) {
    basis.forEach((direction, d) => {
      let sum = 0;
      for (let i = 0; i < H; i++) sum += weight[r * H + i]! * gain[i]! * direction[i]!;
      out[r * basis.length + d] = sum;
    });
  }
  return { weight: out, bias: null };
}

/** What attention adds, in whole coordinates. */
function attended(model: ModelWeights, layer: LayerWeights, basis: Rows, inputs: Rows): Rows {
  const { gain } = layer.attentionNorm!;
  const [q, k, v] = [layer.q, layer.k, layer.v].map((map) => sliced(map, gain, basis));
  const own = { ...layer, q: q!, k: k!, v: v! };
  return attention(model, own, inputs).map((context) => output(layer.o, context, H));
}

/** What the MLP adds, in whole coordinates. */
function mapped(layer: LayerWeights, basis: Rows, inputs: Rows): Rows {
  const { gain } = layer.mlpNorm!;
  const [gate, up] = [layer.gate!, layer.up].map((map) => sliced(map, gain, basis));
  return inputs.map((x) => {
    const high = project(up!, x);
    const inner = project(gate!, x).map((g, i) => activate('silu', g) * high[i]!);
    return output(layer.down, inner, H);
  });
}
