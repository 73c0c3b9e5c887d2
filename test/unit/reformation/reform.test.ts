import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { ModelWeights } from '../../../src/engine/checkpoint/modelWeights.ts';
import { ForwardPass } from '../../../src/engine/graphs/forwardPass.ts';
import { LossHead } from '../../../src/engine/graphs/lossHead.ts';
import { admmRefit, leastSquaresRefit } from '../../../src/engine/reformation/refit.ts';
import { type MapFit, reform, type ReformRequest } from '../../../src/engine/reformation/reform.ts';
import { Runtime } from '../../../src/engine/runtime/runtime.ts';
import { Solver } from '../../../src/engine/runtime/solver.ts';
import { denseSubnet, type Subnet } from '../../../src/engine/model/subnet.ts';
import type { ReformVerdict } from '../../../src/protocol/reformVerdict.ts';
import { isEngineError } from '../../../src/protocol/errors.ts';
import { referenceForward } from '../../fixtures/referenceModel.ts';
import { maskedWeights } from '../../fixtures/maskedWeights.ts';
import { calibration, pruned, windowOf } from '../../fixtures/reformCase.ts';
import { TINY_OPT_350M, tinyWeights } from '../../fixtures/tinyModel.ts';
import { inMemory } from '../../fixtures/inMemory.ts';

const runtime = new Runtime('cpu', 2);
const solver = new Solver(runtime);
after(() => runtime.release());

const dampings = [1e-4, 1e-2, 1];
const refits = {
  leastSquares: leastSquaresRefit(solver, dampings),
  admm: admmRefit(solver, { rho: 1, iterations: 30, dampings }),
};
const llama = tinyWeights({ layers: 3 });
const opt = tinyWeights({ family: 'opt', layers: 3 });
const opt350m = tinyWeights({ ...TINY_OPT_350M, layers: 3 });
const neox = tinyWeights({ family: 'gpt_neox', layers: 3 });
/** Norms of what the sublayers add, whose gains are stored less one, and capped scores and logits. */
const gemma2 = tinyWeights({ layers: 3, config: { model_type: 'gemma2', sliding_window: 16 } });
const models = { llama, opt, opt350m, 'GPT-NeoX': neox, 'Gemma 2': gemma2 };

for (const [family, weights] of Object.entries(models)) {
  for (const method of ['leastSquares', 'admm'] as const) {
    test(`${method} leaves a ${family} from which nothing was pruned as it was`, async () => {
      for (const target of ['dense', 'layer'] as const) {
        const dense = denseSubnet(weights.shape);
        const { reformed, fits } = await run(weights, dense, { target, method });
        // The target is what the maps give as they are.
        for (const { layer, kind, errorBefore } of fits) {
          assert.ok(errorBefore < 1e-6, `block ${layer}, ${kind}, ${target}: ${errorBefore}`);
        }
        for (const [l, layer] of reformed.layers.entries()) {
          const old = weights.layers[l]!;
          assert.ok(difference(layer.o.weight, old.o.weight) < 1e-4, `block ${l}, o, ${target}`);
          assert.ok(difference(layer.down.weight, old.down.weight) < 1e-4, `block ${l}, down`);
        }
      }
    });

    for (const target of ['dense', 'layer'] as const) {
      test(`${method} towards the ${target} target brings a pruned ${family} nearer to the dense one`, async () => {
        const subnet = pruned(weights, 2 / 3);
        const { reformed, fits } = await run(weights, subnet, { target, method });
        assert.equal(fits.length, 2 * weights.shape.layers);
        for (const { layer, kind, errorBefore, errorAfter } of fits) {
          assert.ok(errorAfter <= errorBefore, `block ${layer}, ${kind}`);
        }
        const [before, later] = [
          await distance(weights, weights, subnet),
          await distance(weights, reformed, subnet),
        ];
        // A norm behind the map makes up for the length of an update, so that less is left to gain.
        const most = family === 'Gemma 2' ? 0.97 : 0.95;
        assert.ok(later < most * before, `logits were off by ${before}, now by ${later}`);
      });
    }
  }

  test(`a ${family} is changed only in the kept rows and biases of o and down`, async () => {
    const subnet = pruned(weights, 1 / 2);
    const { reformed } = await run(weights, subnet, {});
    const changed: number[] = [];
    for (const [l, { o, down, ...rest }] of reformed.layers.entries()) {
      const old = weights.layers[l]!;
      for (const [name, part] of Object.entries(rest)) {
        assert.equal(part, old[name as keyof typeof rest], `block ${l}, ${name}`);
      }
      const kept = new Set(subnet.layers[l]!.mlp);
      const { hidden } = weights.shape;
      for (let at = 0; at < down.weight.length; at++) {
        if (kept.has(Math.floor(at / hidden))) continue;
        assert.equal(down.weight[at], old.down.weight[at], `block ${l}: a removed row of down`);
      }
      changed.push(difference(down.weight, old.down.weight), difference(o.weight, old.o.weight));
      if (family === 'llama') assert.ok(o.bias === null && down.bias === null);
    }
    assert.ok(changed.filter((most) => most > 1e-3).length >= weights.shape.layers);
    assert.equal(reformed.embedding, weights.embedding);
    assert.equal(reformed.head, weights.head);
  });

  test(`the same request gives the same ${family} bit for bit`, async () => {
    const subnet = pruned(weights, 1 / 2);
    const [one, two] = [await run(weights, subnet, {}), await run(weights, subnet, {})];
    assert.deepEqual(one.fits, two.fits);
    assert.deepEqual(one.reformed, two.reformed);
  });
}

test("an OPT's biases are refitted, so what removed units gave on average is not lost", async () => {
  const subnet = pruned(opt, 1 / 2);
  const { reformed } = await run(opt, subnet, { target: 'layer' });
  for (const [l, { o, down }] of reformed.layers.entries()) {
    assert.ok(difference(o.bias!, opt.layers[l]!.o.bias!) > 1e-3);
    assert.ok(difference(down.bias!, opt.layers[l]!.down.bias!) > 1e-3);
  }
  // Least squares with an intercept leaves residuals of mean zero; all tokens were fitted.
  const [windows, masked] = [calibration(opt).flat(), maskedWeights(reformed, subnet)];
  const before = windows.map((window) => referenceForward(masked, window).blocks[0]!);
  const mean = new Float64Array(opt.shape.hidden);
  for (const [w, { context }] of before.entries()) {
    const wanted = referenceForward(opt, windows[w]!).blocks[0]!.context;
    const apply = (
      linear: { weight: Float32Array; bias: Float32Array | null },
      z: Float64Array,
      i: number,
    ): number =>
      z.reduce(
        (sum, value, r) => sum + value * linear.weight[r * mean.length + i]!,
        linear.bias![i]!,
      );
    for (const [t, z] of context.entries()) {
      for (let i = 0; i < mean.length; i++) {
        mean[i]! += apply(masked.layers[0]!.o, z, i) - apply(opt.layers[0]!.o, wanted[t]!, i);
      }
    }
  }
  const tokens = windows.length * windows[0]!.length;
  assert.ok(mean.every((sum) => Math.abs(sum / tokens) < 1e-4));
});

test('removed sublayers and blocks are passed by', async () => {
  const subnet = pruned(llama, 2 / 3);
  const [first, second, third] = subnet.layers as [
    Subnet['layers'][0],
    Subnet['layers'][0],
    Subnet['layers'][0],
  ];
  const nothing = new Uint32Array(0);
  const gone = second.heads.map(() => ({ qk: nothing, vo: nothing }));
  const gaps = {
    layers: [
      { ...first, mlp: nothing },
      { heads: gone, mlp: nothing },
      { ...third, heads: gone },
    ],
  };
  for (const method of ['leastSquares', 'admm'] as const) {
    const { reformed, fits } = await run(llama, gaps, { method });
    assert.deepEqual(
      fits.map(({ layer, kind }) => `${layer} ${kind}`),
      ['0 attention', '2 mlp'],
    );
    assert.equal(reformed.layers[1]!.down, llama.layers[1]!.down);
    assert.ok((await distance(llama, reformed, gaps)) < (await distance(llama, llama, gaps)));
  }
});

test('a head that keeps nothing leaves its rows of o alone', async () => {
  const subnet = pruned(llama, 1 / 2);
  const empty = { qk: new Uint32Array(0), vo: new Uint32Array(0) };
  const lame = {
    layers: subnet.layers.map((layer) => ({ ...layer, heads: [layer.heads[0]!, empty] })),
  };
  const { reformed } = await run(llama, lame, {});
  const { hidden, headDim } = llama.shape;
  // Heads 2 and 3 share the second key/value head.
  const from = 2 * headDim * hidden;
  for (const [l, { o }] of reformed.layers.entries()) {
    assert.deepEqual(o.weight.subarray(from), llama.layers[l]!.o.weight.subarray(from));
  }
});

test('maps that no damping improves on held-back text stay as they are', async () => {
  const subnet = pruned(llama, 0.95);
  // A window of 24 tokens cannot tell 61 neurons what to do.
  const few = [[windowOf(llama, 1)], [windowOf(llama, 2)]];
  for (const method of ['leastSquares', 'admm'] as const) {
    const { reformed, fits } = await run(llama, subnet, { batches: few, method, dampings: [1e-4] });
    const kept = fits.filter(({ damping }) => damping === null);
    assert.ok(kept.length > 0);
    for (const { layer, kind, errorBefore, errorAfter } of kept) {
      const name = kind === 'attention' ? 'o' : 'down';
      assert.equal(errorAfter, errorBefore);
      assert.equal(reformed.layers[layer]![name], llama.layers[layer]![name]);
    }
    for (const fit of fits) assert.ok(fit.errorAfter <= fit.errorBefore);
  }
});

test('a reform that does not lower the loss on held-back text leaves the weights', async () => {
  // Text that the subnet itself writes is text that it predicts better than the dense model does.
  const subnet = pruned(llama, 2 / 3);
  const batches = [await writtenBy(llama, subnet, 24)];
  const { reformed, verdict, fits } = await run(llama, subnet, { batches, loss: 'perplexity' });
  assert.ok(fits.some(({ damping }) => damping !== null));
  assert.equal(verdict.step, 0);
  assert.ok(verdict.loss.after > verdict.loss.before);
  assert.equal(reformed, llama);
  const nearer = await run(llama, subnet, { batches, loss: 'kl' });
  assert.ok(nearer.verdict.step > 0, 'it does bring the subnet nearer to the dense model');
  assert.notEqual(nearer.reformed, llama);
});

test('a sublayer that gives zero does not make figures that are not numbers', async () => {
  const [first, ...rest] = llama.layers as [ModelWeights['layers'][0], ...ModelWeights['layers']];
  const silent = {
    ...first,
    down: { weight: new Float32Array(first.down.weight.length), bias: null },
  };
  const weights = new ModelWeights({ ...llama, layers: [silent, ...rest] });
  for (const method of ['leastSquares', 'admm'] as const) {
    const { fits } = await run(weights, pruned(weights, 1 / 2), { target: 'layer', method });
    for (const fit of fits) {
      assert.ok(Number.isFinite(fit.errorBefore) && Number.isFinite(fit.errorAfter));
    }
  }
});

test('a request to stop ends a reformation', async () => {
  const stop = new AbortController();
  let told = 0;
  const pass = reform({
    ...requestOf(llama, pruned(llama, 1 / 2), {}),
    signal: stop.signal,
    onFit: () => {
      told++;
      stop.abort();
    },
  });
  await assert.rejects(pass, (error) => isEngineError(error, 'cancelled'));
  assert.equal(told, 1);
});

interface Settings {
  readonly target?: ReformRequest['target'];
  readonly method?: 'leastSquares' | 'admm';
  readonly batches?: ReformRequest['batches'];
  readonly dampings?: readonly number[];
  readonly loss?: ReformRequest['loss'];
}

function requestOf(weights: ModelWeights, subnet: Subnet, settings: Settings): ReformRequest {
  const { target = 'dense', method = 'leastSquares', batches = calibration(weights) } = settings;
  const forward = new ForwardPass(runtime, weights.shape);
  const few = settings.dampings;
  const made = { leastSquares: leastSquaresRefit, admm: admmRefit };
  const refit =
    few === undefined
      ? refits[method]
      : method === 'admm'
        ? made.admm(solver, { rho: 1, iterations: 30, dampings: few })
        : made.leastSquares(solver, few);
  const head = new LossHead(forward);
  // Random weights predict nothing, so only the distance to the dense model can fall.
  const { loss = 'kl' } = settings;
  const dense = weights;
  return { forward, head, dense, weights, subnet, batches, target, seed: 1, loss, refit };
}

async function run(
  weights: ModelWeights,
  subnet: Subnet,
  settings: Settings,
): Promise<{
  readonly reformed: ModelWeights;
  readonly verdict: ReformVerdict;
  readonly fits: readonly MapFit[];
}> {
  const fits: MapFit[] = [];
  const onFit = (fit: MapFit): void => void fits.push(fit);
  const { weights: reformed, verdict } = await reform({
    ...requestOf(weights, subnet, settings),
    onFit,
  });
  return { reformed: await inMemory(reformed), verdict, fits };
}

/** Windows in which each token but the first is the most probable one. */
async function writtenBy(
  weights: ModelWeights,
  subnet: Subnet,
  count: number,
): Promise<Uint32Array[]> {
  const { vocab } = weights.shape;
  let windows = Array.from({ length: count }, (_, w) => Uint32Array.of((7 * w) % vocab));
  for (let time = 1; time < 24; time++) {
    const logits = await logitsOf(weights, subnet, windows);
    windows = windows.map((window, w) => {
      const at = (w * time + time - 1) * vocab;
      const last = logits.subarray(at, at + vocab);
      return Uint32Array.of(...window, last.indexOf(Math.max(...last)));
    });
  }
  return windows;
}

/** Root mean square difference of logits to the dense model's, on windows nobody has seen. */
async function distance(
  dense: ModelWeights,
  weights: ModelWeights,
  subnet: Subnet,
): Promise<number> {
  const windows = [901, 902, 903, 904, 905, 906].map((number) => windowOf(dense, number));
  const one = await logitsOf(dense, denseSubnet(dense.shape), windows);
  const two = await logitsOf(weights, subnet, windows);
  return Math.sqrt(one.reduce((sum, z, i) => sum + (z - two[i]!) ** 2, 0) / one.length);
}

async function logitsOf(
  weights: ModelWeights,
  subnet: Subnet,
  windows: readonly Uint32Array[],
): Promise<Float32Array> {
  const forward = new ForwardPass(runtime, weights.shape);
  let states = await forward.embed(weights, [windows]);
  for (const [l, layer] of weights.layers.entries()) {
    states = await forward.block(layer, subnet.layers[l]!, states);
  }
  return new LossHead(forward).logits(weights, states[0]!);
}

function difference(a: Float32Array, b: Float32Array): number {
  assert.equal(a.length, b.length);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
}
