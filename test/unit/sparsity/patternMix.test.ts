import { inMemory } from '../../../src/engine/checkpoint/modelWeights.ts';
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import { ForwardPass } from '../../../src/engine/graphs/forwardPass.ts';
import { rngFor } from '../../../src/engine/numeric/rng.ts';
import { Runtime } from '../../../src/engine/runtime/runtime.ts';
import { Solver } from '../../../src/engine/runtime/solver.ts';
import { SolverGemm } from '../../../src/engine/runtime/solverGemm.ts';
import { type BlockStatistics, maskedModel } from '../../../src/engine/sparsity/maskedModel.ts';
import { SPARSITY_METHODS } from '../../../src/engine/sparsity/method.ts';
import { formatPattern, keptShare, parsePattern } from '../../../src/engine/sparsity/pattern.ts';
import { mixLevels, searchMix } from '../../../src/engine/sparsity/patternMix.ts';
import { sparsify } from '../../../src/engine/sparsity/sequential.ts';
import { isEngineError } from '../../../src/protocol/errors.ts';
import { judgedBy } from '../../fixtures/refitJudge.ts';
import { tinyWeights } from '../../fixtures/tinyModel.ts';

const runtime = new Runtime('cpu', 2);
after(() => runtime.release());

describe('levels of a mix', () => {
  it('stand in equal steps around the pattern, down from dense', () => {
    const { patterns, start } = mixLevels(parsePattern('2:4'));
    assert.deepEqual(
      patterns.map((pattern) => (pattern === null ? 'dense' : formatPattern(pattern))),
      ['dense', '3:4', '2:4', '1:4'],
    );
    assert.equal(start, 2);
    const shares = mixLevels(parsePattern('30%'));
    assert.equal(formatPattern(shares.patterns[shares.start]!), '30%');
    const kept = shares.patterns.map((pattern) => (pattern === null ? 1 : keptShare(pattern)));
    kept.slice(1).forEach((share, i) => assert.ok(Math.abs(kept[i]! - share - 1 / 16) < 1e-9));
    assert.equal(mixLevels(parsePattern('50%')).patterns[0], null);
  });
});

describe('a search over mixes', () => {
  it('keeps the budget in every candidate and never ends worse than it began', async () => {
    const cases = fc.record({
      layers: fc.integer({ min: 2, max: 9 }),
      text: fc.constantFrom('2:4', '4:8', '1:2', '50%', '90%'),
      seed: fc.nat(99),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ layers, text, seed }) => {
        const levels = mixLevels(parsePattern(text));
        const rng = rngFor(seed, 'worth');
        const worth = Array.from({ length: layers }, () => rng.uniform());
        const judged: (readonly number[])[] = [];
        const fitness = (mix: readonly number[]): Promise<number> => {
          judged.push(mix);
          return Promise.resolve(mix.reduce((sum, level, l) => sum + worth[l]! * level ** 2, 0));
        };
        const options = { generations: 3, children: 5, seed };
        const found = await searchMix(layers, levels, fitness, options);
        assert.ok(found.fitness <= found.uniform);
        assert.equal(found.evaluations, judged.length);
        assert.equal(new Set(judged.map(String)).size, judged.length);
        for (const mix of judged) {
          assert.equal(
            mix.reduce((sum, level) => sum + level, 0),
            layers * levels.start,
          );
          assert.ok(mix.every((level) => level >= 0 && level < levels.patterns.length));
        }
      }),
      { numRuns: 60 },
    );
  });

  it('finds that the block that matters stays denser, the same way every time', async () => {
    const levels = mixLevels(parsePattern('2:4'));
    const fitness = (mix: readonly number[]): Promise<number> =>
      Promise.resolve(10 * mix[1]! - mix[3]!);
    const options = { generations: 12, children: 6, seed: 1 };
    const found = await searchMix(4, levels, fitness, options);
    assert.equal(found.levels[1], 0);
    assert.equal(found.levels[3], 3);
    assert.deepEqual(await searchMix(4, levels, fitness, options), found);
  });

  it('can be cancelled', async () => {
    const options = { generations: 1, children: 1, seed: 0, signal: AbortSignal.abort() };
    await assert.rejects(
      searchMix(4, mixLevels(parsePattern('2:4')), () => Promise.resolve(0), options),
      (error) => isEngineError(error, 'cancelled'),
    );
  });
});

describe('a model of known statistics', () => {
  it('is the one that the sequential pass made with the same patterns', async () => {
    const weights = tinyWeights({ layers: 3 });
    const statistics: Record<string, object>[] = [{}, {}, {}];
    const rng = rngFor(7, 'windows');
    const window = (): Uint32Array => Uint32Array.from({ length: 24 }, () => rng.int(96));
    const method = SPARSITY_METHODS.dass;
    const forward = new ForwardPass(runtime, weights.shape);
    const sparse = await sparsify({
      ...{ forward, ...judgedBy(forward, weights) },
      tools: { solver: new Solver(runtime), gemm: new SolverGemm(runtime) },
      ...{ weights, batches: [[window()], [window()]], method, scope: 'all' },
      pattern: parsePattern('2:4'),
      onStatistics: ({ layer, kind }, found) => {
        statistics[layer]![kind] = found;
      },
    });
    const known = { weights, statistics: statistics as BlockStatistics[], rule: 'dass' } as const;
    const patterns = new Array(3).fill(parsePattern('2:4')) as ReturnType<typeof parsePattern>[];
    const found = await maskedModel({ ...known, alpha: method.alpha, scope: 'all', patterns });
    const { layers } = await inMemory(sparse.weights);
    assert.deepEqual((await inMemory(found)).layers, layers);
    const mixed = await maskedModel({
      ...{ ...known, alpha: method.alpha, scope: 'all' },
      patterns: [null, ...patterns.slice(1)],
    });
    assert.equal(await mixed.block(0), weights.layers[0]);
    assert.deepEqual(await mixed.block(1), layers[1]);
  });
});
