import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import { familyNamed } from '../../../src/engine/checkpoint/families/registry.ts';
import {
  inMemory,
  type LayerWeights,
  ModelWeights,
} from '../../../src/engine/checkpoint/modelWeights.ts';
import { slicedTensors, slicedValues } from '../../../src/engine/export/slicedTensors.ts';
import { ForwardPass } from '../../../src/engine/graphs/forwardPass.ts';
import { rngFor } from '../../../src/engine/numeric/rng.ts';
import { Runtime } from '../../../src/engine/runtime/runtime.ts';
import { Solver } from '../../../src/engine/runtime/solver.ts';
import { SolverGemm } from '../../../src/engine/runtime/solverGemm.ts';
import { compactLayer } from '../../../src/engine/sparsity/compactMaps.ts';
import { inputAxis } from '../../../src/engine/sparsity/linearMaps.ts';
import { blockOf, type LinearName } from '../../../src/engine/model/block.ts';
import { rowsOf, sublayerRows } from '../../../src/engine/model/rows.ts';
import {
  methodFor,
  SPARSITY_METHODS,
  type SparsityMethodName,
} from '../../../src/engine/sparsity/method.ts';
import { type Pattern, parsePattern } from '../../../src/engine/sparsity/pattern.ts';
import { comparedAxis } from '../../../src/engine/sparsity/scoreMap.ts';
import {
  sparsify,
  type SparseModel,
  type SparsifyRequest,
} from '../../../src/engine/sparsity/sequential.ts';
import type { SublayerStatistics } from '../../../src/engine/sparsity/sublayerStatistics.ts';
import { isKept } from '../../../src/engine/sparsity/weightMask.ts';
import { denseSubnet, type LayerMask, type Subnet } from '../../../src/engine/model/subnet.ts';
import { isEngineError } from '../../../src/protocol/errors.ts';
import { randomMasks } from '../../fixtures/randomSubnet.ts';
import { maskedWeights } from '../../fixtures/maskedWeights.ts';
import { judgedBy } from '../../fixtures/refitJudge.ts';
import { tinyShape, tinyWeights } from '../../fixtures/tinyModel.ts';
import { propertyOptions } from '../propertyOptions.ts';

const runtime = new Runtime('cpu', 2);
const tools = { solver: new Solver(runtime), gemm: new SolverGemm(runtime) };
after(() => runtime.release());

const HIDDEN = 32;
const ALL: readonly LinearName[] = ['q', 'k', 'v', 'o', 'gate', 'up', 'down'];
const NAMES = Object.keys(SPARSITY_METHODS) as SparsityMethodName[];
const llama = tinyWeights({ layers: 3, heads: 6, kvHeads: 3, intermediate: 44 });
const opt = tinyWeights({ family: 'opt', layers: 2, intermediate: 40 });

const cases = fc.record({
  weights: fc.constantFrom(llama, opt),
  seed: fc.nat(1_000_000),
  name: fc.constantFrom(...NAMES),
  pattern: fc.constantFrom('2:4', '4:8', '1:4', '8:16', '50%', '30%'),
  scope: fc.constantFrom('all' as const, 'mlp' as const),
});

describe('a sparse subnet', () => {
  it('has at most N of M in every group of every exported weight, and nothing else is touched', async () => {
    await fc.assert(
      fc.asyncProperty(cases, async ({ weights, seed, name, pattern: text, scope }) => {
        if (name === 'dass' && !weights.shape.mlp.gated) return;
        const subnet = randomMasks(weights.shape, seed);
        const method = methodFor(weights.shape, name);
        const pattern = parsePattern(text);
        const sparse = await prune({ weights, subnet, method, pattern, scope });
        if (pattern.kind === 'nm') {
          await checkExport(sparse.weights, subnet, pattern, (map) =>
            scope === 'all' || ['gate', 'up', 'down'].includes(map)
              ? comparedAxis(map, method.rule)
              : null,
          );
        }
        for (const [l, { masks, refits }] of sparse.layers.entries()) {
          const mask = subnet.layers[l]!;
          checkRemovedRows(weights, sparse.weights, l, mask);
          for (const map of ALL) {
            const rows = rowsOf(blockOf(weights.shape, l), map, mask);
            const inScope = scope === 'all' || ['gate', 'up', 'down'].includes(map);
            const present = inScope && rows.length > 0 && weights.layers[l]![map] !== null;
            assert.equal(masks[map] !== undefined, present);
            if (present) assert.equal(masks[map]!.rows, rows.length);
            if (method.refit !== null) {
              assert.equal(
                refits.some((r) => r.name === map),
                present,
              );
            }
          }
          // No more than rounding of sums of squares above what it was.
          for (const { before, after: then } of refits) {
            assert.ok(then <= before * (1 + 1e-9) + 1e-12);
          }
        }
      }),
      propertyOptions({ numRuns: 25 }),
    );
  });

  it('is masked as sorting every group of the gathered weights would', async () => {
    const scored = cases.filter(
      ({ name, weights }) => name === 'wanda' || (name === 'dass' && weights.shape.mlp.gated),
    );
    await fc.assert(
      fc.asyncProperty(scored, async ({ weights, seed, name, scope }) => {
        const subnet = randomMasks(weights.shape, seed);
        const method = methodFor(weights.shape, name);
        const known = new Map<string, SublayerStatistics>();
        const sparse = await prune({
          ...{ weights, subnet, method, pattern: parsePattern('2:4'), scope },
          onStatistics: ({ layer, kind }, statistics) => known.set(`${layer} ${kind}`, statistics),
        });
        for (const [l, { masks }] of sparse.layers.entries()) {
          for (const [map, mask] of Object.entries(masks) as [LinearName, typeof masks.q][]) {
            const kind = ['q', 'k', 'v', 'o'].includes(map) ? 'attention' : 'mlp';
            const score = slowScores(weights, subnet, l, map, known.get(`${l} ${kind}`)!, name);
            const along = comparedAxis(map, method.rule);
            for (let r = 0; r < mask!.rows; r++) {
              for (let c = 0; c < HIDDEN; c++) {
                const [at, end] = along === 'columns' ? [c, HIDDEN] : [r, mask!.rows];
                const first = at - (at % 4);
                let better = 0;
                for (let i = first; i < Math.min(end, first + 4); i++) {
                  const other = along === 'columns' ? score(r, i) : score(i, c);
                  if (other > score(r, c) || (other === score(r, c) && i < at)) better++;
                }
                assert.equal(isKept(mask!, r, c), better < 2, `block ${l}, ${map} [${r}, ${c}]`);
              }
            }
          }
        }
      }),
      propertyOptions({ numRuns: 15 }),
    );
  });

  it('is the sparse model of its size where there is such a model, by every method', async () => {
    const heads = [0, 2];
    const neurons = Uint32Array.from({ length: 44 }, (_, i) => i).filter((i) => i % 11 > 2);
    const shape = tinyShape({ layers: 3, heads: 4, kvHeads: 2, intermediate: neurons.length });
    const dense = denseSubnet(llama.shape).layers[0]!;
    const none = new Uint32Array(0);
    const mask: LayerMask = {
      mlp: neurons,
      heads: dense.heads.map((head, g) => (heads.includes(g) ? head : { qk: none, vo: none })),
    };
    const subnet: Subnet = { layers: llama.layers.map(() => mask) };
    const cut = (layer: LayerWeights): LayerWeights => {
      const attention = compactLayer(
        layer,
        sublayerRows(blockOf(llama.shape, 0), 'attention', mask),
        HIDDEN,
      );
      return compactLayer(attention, sublayerRows(blockOf(llama.shape, 0), 'mlp', mask), HIDDEN);
    };
    const small = new ModelWeights({ ...llama, shape, layers: llama.layers.map(cut) });
    for (const name of NAMES) {
      for (const pattern of ['2:4', '50%'].map(parsePattern)) {
        const plan = { method: methodFor(shape, name), pattern, scope: 'all' as const };
        // Judged against what the small model is judged against: the subnet before it got its zeros.
        const goal = maskedWeights(llama, subnet);
        const inside = await prune({ weights: llama, subnet, ...plan }, goal);
        const alone = await prune({ weights: small, ...plan });
        for (const [l, { masks }] of inside.layers.entries()) {
          const layer = cut(inside.weights.layers[l]!);
          for (const map of ALL) {
            const what = `${name}, block ${l}, ${map}`;
            const [mine, theirs] = [layer[map]!.weight, alone.weights.layers[l]![map]!.weight];
            assert.deepEqual(masks[map], alone.layers[l]!.masks[map], what);
            // The same numbers through other shapes of products: float32 rounding in 5 steps.
            for (const [i, value] of mine.entries()) {
              assert.ok(Math.abs(value - theirs[i]!) < 2e-4, `${what} ${i}`);
            }
          }
        }
      }
    }
  });

  it('keeps of the model width whole groups only: another pattern is refused before any work', async () => {
    const subnet = randomMasks(llama.shape, 1);
    const plan = { method: SPARSITY_METHODS.wanda, scope: 'mlp' as const };
    await assert.rejects(
      prune({ weights: llama, subnet, ...plan, pattern: parsePattern('2:5') }),
      (error) => isEngineError(error, 'config') && error.message.includes('do not divide its 32'),
    );
    // Neurons are narrowed, and DaSS compares nothing along the model's width in the MLP.
    const dass = { method: SPARSITY_METHODS.dass, scope: 'mlp' as const };
    await prune({ weights: llama, subnet, ...dass, pattern: parsePattern('2:5') });
    await assert.rejects(
      prune({ weights: llama, ...dass, pattern: parsePattern('2:5') }),
      (error) => isEngineError(error, 'config') && error.message.includes('do not divide its 44'),
    );
  });

  it('that keeps nothing but silent neurons of a block is made sparse like any other', async () => {
    const layer = opt.layers[0]!;
    const bias = layer.up.bias!.slice();
    // Far below what any input can lift, so that ReLU gives zeros.
    bias.fill(-1e3, 0, 5);
    const layers = opt.layers.with(0, { ...layer, up: { ...layer.up, bias } });
    const masks = denseSubnet(opt.shape).layers;
    const subnet = { layers: masks.with(0, { ...masks[0]!, mlp: Uint32Array.of(0, 1, 2, 3, 4) }) };
    for (const name of NAMES.filter((one) => one !== 'dass')) {
      const { weights } = await prune({
        ...{
          weights: new ModelWeights({ ...opt, layers }),
          subnet,
          method: methodFor(opt.shape, name),
        },
        ...{ pattern: parsePattern('2:4'), scope: 'all' },
      });
      const { up, down } = weights.layers[0]!;
      for (const { weight } of [up, down]) assert.ok(weight.every(Number.isFinite), name);
    }
  });

  it('whose channels are partly always zero has finite weights, by every method', async () => {
    const silent = llama.layers.map((layer) => {
      const up = { ...layer.up, weight: layer.up.weight.slice().fill(0, 0, 20 * HIDDEN) };
      const gain = layer.mlpNorm!.gain.slice().fill(0, 0, 5);
      return { ...layer, up, mlpNorm: { ...layer.mlpNorm!, gain } };
    });
    for (const name of NAMES) {
      const { weights } = await prune({
        weights: new ModelWeights({ ...llama, layers: silent }),
        subnet: randomMasks(llama.shape, 11),
        ...{ method: SPARSITY_METHODS[name], pattern: parsePattern('2:4'), scope: 'all' },
      });
      for (const layer of weights.layers) {
        for (const map of ALL) {
          assert.ok(layer[map]!.weight.every(Number.isFinite), `${name} ${map}`);
        }
      }
    }
  });
});

async function prune(
  request: Pick<SparsifyRequest, 'weights' | 'method' | 'pattern' | 'scope'> &
    Partial<SparsifyRequest>,
  /** What a refit should bring the model nearer to. */
  dense = request.weights,
): Promise<SparseModel & { readonly weights: ModelWeights }> {
  const { shape } = request.weights;
  const rng = rngFor(7, 'windows');
  const window = (): Uint32Array => Uint32Array.from({ length: 24 }, () => rng.int(shape.vocab));
  const batches = [
    [window(), window(), window()],
    [window(), window()],
  ];
  const forward = new ForwardPass(runtime, shape);
  const judged = judgedBy(forward, dense);
  const sparse = await sparsify({ forward, tools, batches, ...judged, ...request });
  return { ...sparse, weights: await inMemory(sparse.weights) };
}

/** Counts non-zeros of every group of what a sliced checkpoint would hold, as [outputs, inputs]. */
async function checkExport(
  weights: ModelWeights,
  subnet: Subnet,
  { n, m }: Extract<Pattern, { kind: 'nm' }>,
  axisOf: (map: LinearName) => 'rows' | 'columns' | null,
): Promise<void> {
  const family = familyNamed(weights.shape.family);
  for (const tensor of slicedTensors(family, weights.shape, subnet)) {
    const [map, part] = tensor.parts[0]!.slot.split('.') as [LinearName, string];
    const axis = ALL.includes(map) && part === 'weight' ? axisOf(map) : null;
    if (axis === null) continue;
    const values = await slicedValues(weights, tensor);
    const [outputs, inputs] = tensor.dims as [number, number];
    const alongInputs = axis === inputAxis(map);
    const [lines, length] = alongInputs ? [outputs, inputs] : [inputs, outputs];
    for (let line = 0; line < lines; line++) {
      for (let first = 0; first < length; first += m) {
        let kept = 0;
        for (let i = first; i < Math.min(length, first + m); i++) {
          kept += values[alongInputs ? line * inputs + i : i * inputs + line] === 0 ? 0 : 1;
        }
        assert.ok(kept <= n, `${tensor.name}, line ${line} from ${first}: ${kept}`);
      }
    }
  }
}

function checkRemovedRows(
  before: ModelWeights,
  { layers }: ModelWeights,
  l: number,
  mask: LayerMask,
): void {
  for (const map of ALL) {
    const [old, now] = [before.layers[l]![map], layers[l]![map]];
    assert.equal(now?.bias, old?.bias);
    if (old === null || now === null) continue;
    const kept = new Set(rowsOf(blockOf(before.shape, l), map, mask));
    for (let row = 0; row < old.weight.length / HIDDEN; row++) {
      if (kept.has(row)) continue;
      const [from, to] = [row * HIDDEN, (row + 1) * HIDDEN];
      assert.deepEqual(now.weight.subarray(from, to), old.weight.subarray(from, to));
    }
  }
}

/** Score of an entry of the gathered weight, straight from the formulas, in float32 as published. */
function slowScores(
  { shape, layers }: ModelWeights,
  subnet: Subnet,
  l: number,
  map: LinearName,
  { tokens, normed, inner }: SublayerStatistics,
  name: SparsityMethodName,
): (row: number, column: number) => number {
  const rows = rowsOf(blockOf(shape, l), map, subnet.layers[l]!);
  const norm = (squares: Float64Array, i: number): number => Math.sqrt(squares[i]! / tokens);
  const { weight } = layers[l]![map]!;
  const byNeuron = name === 'dass' && (map === 'gate' || map === 'up');
  return (row, column) => {
    const size = Math.abs(weight[rows[row]! * HIDDEN + column]!);
    if (byNeuron) {
      return Math.fround(size * Math.fround(Math.fround(norm(inner.squares, row)) ** 0.5));
    }
    const factor =
      inputAxis(map) === 'rows' ? norm(inner.squares, row) : norm(normed.squares, column);
    return Math.fround(size * Math.fround(factor));
  };
}
