import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import {
  type CalibratedLayer,
  collectStatistics,
} from '../../../src/engine/calibration/collect.ts';
import { inMemory, ModelWeights } from '../../../src/engine/checkpoint/modelWeights.ts';
import { ForwardPass } from '../../../src/engine/graphs/forwardPass.ts';
import { rngFor } from '../../../src/engine/numeric/rng.ts';
import { Runtime } from '../../../src/engine/runtime/runtime.ts';
import { Solver } from '../../../src/engine/runtime/solver.ts';
import { SolverGemm } from '../../../src/engine/runtime/solverGemm.ts';
import { obeys } from '../../../src/engine/sparsity/inputsFirst.ts';
import { inputAxis, type SparsityScope } from '../../../src/engine/sparsity/linearMaps.ts';
import type { LinearName } from '../../../src/engine/model/block.ts';
import {
  methodFor,
  SPARSITY_METHODS,
  type SparsityMethod,
} from '../../../src/engine/sparsity/method.ts';
import { formatPattern, type Pattern, parsePattern } from '../../../src/engine/sparsity/pattern.ts';
import { sparsify, type SparseModel } from '../../../src/engine/sparsity/sequential.ts';
import { isKept, masked } from '../../../src/engine/sparsity/weightMask.ts';
import { isEngineError } from '../../../src/protocol/errors.ts';
import { judgedBy } from '../../fixtures/refitJudge.ts';
import { TINY_OPT_350M, tinyWeights } from '../../fixtures/tinyModel.ts';

const runtime = new Runtime('cpu', 2);
const tools = { solver: new Solver(runtime), gemm: new SolverGemm(runtime) };
after(() => runtime.release());

const llama = tinyWeights({ layers: 3 });
const opt = tinyWeights({ family: 'opt', layers: 2 });
const ALL: readonly LinearName[] = ['q', 'k', 'v', 'o', 'gate', 'up', 'down'];
const methods = Object.entries(SPARSITY_METHODS);

describe('a model made sparse', () => {
  for (const [name, method] of methods) {
    for (const scope of ['mlp', 'all'] as const) {
      it(`by ${name} in ${scope} keeps what its masks say, and they obey the pattern`, async () => {
        for (const pattern of ['2:4', '3:8', '50%'].map(parsePattern)) {
          const sparse = await prune(llama, method, pattern, scope);
          checkMasks(sparse, method, pattern, scope);
          for (const { refits } of sparse.layers) {
            assert.equal(refits.length, method.refit === null ? 0 : scope === 'all' ? 7 : 3);
            for (const { before, after } of refits) assert.ok(after <= before * (1 + 1e-9));
          }
        }
      });
    }
  }

  it('by Wanda has the masks of statistics that the dense pass gives of its sparse start', async () => {
    const pattern = parsePattern('2:4');
    const { weights, layers } = await prune(llama, SPARSITY_METHODS.wanda, pattern, 'all');
    for (const [l, { masks }] of layers.entries()) {
      // Blocks before this one are sparse; of this one the attention is when the MLP is looked at.
      const start = weights.layers.slice(0, l);
      const dense = llama.layers.slice(l);
      const attention = await statisticsOf(withLayers([...start, ...dense]), l);
      const { q, k, v, o } = weights.layers[l]!;
      const half = { ...dense[0]!, q, k, v, o };
      const mlp = await statisticsOf(withLayers([...start, half, ...dense.slice(1)]), l);
      const inputs = {
        ...{
          q: attention.attentionInput,
          k: attention.attentionInput,
          v: attention.attentionInput,
        },
        ...{ o: attention.context, gate: mlp.mlpInput, up: mlp.mlpInput, down: mlp.hidden },
      };
      for (const name of ALL) {
        const { gram, width } = inputs[name];
        const norms = Array.from({ length: width }, (_, i) => Math.sqrt(gram[i * width + i]!));
        const stored = llama.layers[l]![name]!.weight;
        const score = (row: number, column: number): number =>
          Math.abs(stored[row * 32 + column]!) *
          norms[inputAxis(name) === 'columns' ? column : row]!;
        const mask = masks[name]!;
        for (let row = 0; row < mask.rows; row++) {
          for (let column = 0; column < mask.columns; column++) {
            const along = inputAxis(name) === 'columns';
            const first = (along ? column : row) & ~3;
            const better = [0, 1, 2, 3].filter((i) => {
              const [r, c] = along ? [row, first + i] : [first + i, column];
              return score(r, c) > score(row, column);
            });
            assert.equal(
              isKept(mask, row, column),
              better.length < 2,
              `${l} ${name} ${row} ${column}`,
            );
          }
        }
      }
    }
  });

  it('by DaSS compares gate and up along their outputs by the norm of what enters down', async () => {
    const sparse = await prune(llama, SPARSITY_METHODS.dass, parsePattern('1:4'), 'mlp');
    const { hidden } = await statisticsOf(llama, 0);
    const factor = Array.from({ length: 64 }, (_, i) => hidden.gram[i * 65]! ** 0.25);
    const { weight } = llama.layers[0]!.gate!;
    const mask = sparse.layers[0]!.masks.gate!;
    for (let column = 0; column < 32; column++) {
      for (let first = 0; first < 64; first += 4) {
        const scores = [0, 1, 2, 3].map(
          (i) => Math.abs(weight[(first + i) * 32 + column]!) * factor[first + i]!,
        );
        const best = scores.indexOf(Math.max(...scores));
        for (let i = 0; i < 4; i++) assert.equal(isKept(mask, first + i, column), i === best);
      }
    }
  });

  it('has dense blocks where a mix of patterns says so', async () => {
    const mix = [null, parsePattern('2:4'), parsePattern('1:4')];
    const sparse = await prune(llama, SPARSITY_METHODS.wanda, mix, 'all');
    assert.deepEqual(
      sparse.layers.map(({ density }) => density),
      [1, 0.5, 0.25],
    );
    assert.equal(sparse.weights.layers[0], llama.layers[0]);
  });

  it('leaves no native sessions behind: a second pass makes none', async () => {
    let made = 0;
    class Counting extends Runtime {
      override session(...args: Parameters<Runtime['session']>): ReturnType<Runtime['session']> {
        made++;
        return super.session(...args);
      }
    }
    const counting = new Counting('cpu', 1);
    const forward = new ForwardPass(counting, llama.shape);
    const request = {
      ...{ forward, weights: llama, ...judgedBy(forward, llama) },
      ...{ tools: { solver: new Solver(counting), gemm: new SolverGemm(counting) } },
      ...{ batches: batchesFor(llama), pattern: parsePattern('2:4'), scope: 'all' as const },
    };
    for (const method of Object.values(SPARSITY_METHODS)) await sparsify({ ...request, method });
    const first = made;
    for (const method of Object.values(SPARSITY_METHODS)) await sparsify({ ...request, method });
    await counting.release();
    assert.ok(first > 0);
    assert.equal(made, first);
  });

  it('can have a plain MLP with biases, by every method that needs no gate', async () => {
    for (const name of ['magnitude', 'wanda', 'sparsegpt', 'ours'] as const) {
      const method = methodFor(opt.shape, name);
      const sparse = await prune(opt, method, parsePattern('2:4'), 'all');
      checkMasks(sparse, method, parsePattern('2:4'), 'all', opt);
      for (const { refits } of sparse.layers) {
        for (const { before, after } of refits) assert.ok(after <= before * (1 + 1e-9));
      }
    }
  });

  it('fits its output maps to what they give before a norm behind the sublayer', async () => {
    const postNorm = tinyWeights(TINY_OPT_350M);
    const ours = methodFor(postNorm.shape, 'ours');
    for (const target of ['dense', 'layer'] as const) {
      const method = { ...ours, refit: { ...ours.refit!, target } };
      const { layers } = await prune(postNorm, method, parsePattern('1%'), 'all');
      for (const { layer, refits } of layers) {
        // So few zeros change little of what is to be reached.
        for (const { name, before } of refits) {
          assert.ok(before < 0.01, `block ${layer}, ${name}, ${target}: ${before}`);
        }
      }
    }
  });
});

describe('sparsity is refused', () => {
  it('where DaSS finds no gate, with what to use instead', async () => {
    for (const rule of ['dass', 'sensitivity'] as const) {
      await assert.rejects(
        prune(opt, { ...SPARSITY_METHODS.dass, rule }, parsePattern('2:4'), 'mlp'),
        (error) => isEngineError(error, 'config') && error.message.includes('Use "wanda"'),
      );
    }
  });

  it('where a pattern leaves a remainder', async () => {
    await assert.rejects(
      prune(llama, SPARSITY_METHODS.wanda, parsePattern('2:5'), 'mlp'),
      (error) => isEngineError(error, 'config') && error.message.includes('block 0, gate_proj'),
    );
  });

  it('where activations are no numbers, or zero everywhere', async () => {
    const spoilt = (value: number): ModelWeights => {
      const layer = llama.layers[1]!;
      const gain = new Float32Array(32).fill(value);
      const layers = llama.layers.with(1, { ...layer, mlpNorm: { gain, shift: null } });
      return withLayers(layers);
    };
    for (const [value, words] of [
      [NaN, 'not finite numbers'],
      [0, 'are zero over all'],
    ] as const) {
      for (const [name, method] of methods) {
        if (name === 'magnitude') continue;
        await assert.rejects(
          prune(spoilt(value), method, parsePattern('2:4'), 'mlp'),
          (error) =>
            isEngineError(error, 'numeric') &&
            error.message.includes('block 1') &&
            error.message.includes(words),
        );
      }
    }
  });

  it('when it is cancelled', async () => {
    const signal = AbortSignal.abort();
    await assert.rejects(
      prune(llama, SPARSITY_METHODS.wanda, parsePattern('2:4'), 'mlp', signal),
      (error) => isEngineError(error, 'cancelled'),
    );
  });

  it('never for magnitude, which looks at no text', async () => {
    const request = { method: SPARSITY_METHODS.magnitude, pattern: parsePattern('2:4') };
    const forward = new ForwardPass(runtime, llama.shape);
    const sparse = await sparsify({
      ...{ forward, tools, weights: llama, batches: [], scope: 'all', ...request },
      ...judgedBy(forward, llama),
    });
    assert.ok(sparse.layers.every(({ density }) => density === 0.5));
  });
});

type Pruned = SparseModel & { readonly weights: ModelWeights };

function checkMasks(
  { weights, layers }: Pruned,
  method: SparsityMethod,
  pattern: Pattern,
  scope: SparsityScope,
  dense = llama,
): void {
  const updates = method.rule === 'sparsegpt' || method.refit !== null;
  for (const [l, { masks, density }] of layers.entries()) {
    const [layer, before] = [weights.layers[l]!, dense.layers[l]!];
    let [kept, all] = [0, 0];
    for (const name of ALL) {
      const [linear, old] = [layer[name], before[name]];
      if (linear === null || old === null) continue;
      const mask = masks[name];
      const inScope = scope === 'all' || ['gate', 'up', 'down'].includes(name);
      assert.equal(mask !== undefined, inScope);
      all += old.weight.length;
      kept += linear.weight.reduce((sum, value) => sum + (value === 0 ? 0 : 1), 0);
      if (mask === undefined) {
        assert.equal(linear, old);
        continue;
      }
      const cut = masked(old.weight, mask);
      if (updates) assert.deepEqual(masked(linear.weight, mask), linear.weight);
      else assert.deepEqual(linear.weight, cut);
      if (pattern.kind === 'nm') {
        const along =
          method.rule === 'dass' && name !== 'down' && inScope && ['gate', 'up'].includes(name)
            ? 'rows'
            : inputAxis(name);
        assert.ok(obeys(mask, pattern, along), `${name} ${formatPattern(pattern)}`);
      }
    }
    // A weight that stays may come out as zero by itself, but hardly ever does.
    assert.ok(Math.abs(kept / all - density) < 0.001);
  }
}

async function prune(
  weights: ModelWeights,
  method: SparsityMethod,
  pattern: Pattern | readonly (Pattern | null)[],
  scope: SparsityScope,
  signal?: AbortSignal,
): Promise<Pruned> {
  const forward = new ForwardPass(runtime, weights.shape);
  const sparse = await sparsify({
    ...{ forward, tools, weights, batches: batchesFor(weights), method, pattern, scope },
    ...judgedBy(forward, weights),
    ...(signal === undefined ? {} : { signal }),
  });
  return { ...sparse, weights: await inMemory(sparse.weights) };
}

function withLayers(layers: ModelWeights['layers']): ModelWeights {
  return new ModelWeights({ ...llama, layers });
}

function batchesFor({ shape }: ModelWeights): Uint32Array[][] {
  const rng = rngFor(7, 'windows');
  const window = (): Uint32Array => Uint32Array.from({ length: 24 }, () => rng.int(shape.vocab));
  return [
    [window(), window(), window()],
    [window(), window()],
  ];
}

async function statisticsOf(
  weights: ModelWeights,
  layer: number,
): Promise<CalibratedLayer['statistics']> {
  const found: CalibratedLayer[] = [];
  const forward = new ForwardPass(runtime, weights.shape);
  await collectStatistics(forward, weights, batchesFor(weights), (one) => {
    found.push(one);
  });
  return found[layer]!.statistics;
}
