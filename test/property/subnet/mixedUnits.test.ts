import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { type Block, blocksOf, isOutputMap, mapOf, MAPS } from '../../../src/engine/model/block.ts';
import { blockBudget, blockParameters, countParameters } from '../../../src/engine/model/cost.ts';
import type { BlockTraits } from '../../../src/engine/model/block.ts';
import type { ModelShape } from '../../../src/engine/model/modelShape.ts';
import { rowsOf } from '../../../src/engine/model/rows.ts';
import { isPresent, type LayerMask } from '../../../src/engine/model/subnet.ts';
import { initialSubnet, randomSubnet } from '../../../src/engine/search/baseline.ts';
import { decodeSubnet, encodeSubnet } from '../../../src/engine/subnet/encode.ts';
import { assertLegal, assertOnBudget } from '../../../src/engine/subnet/legal.ts';
import { modelSummaryOf } from '../../../src/engine/subnet/modelSummary.ts';
import { packSubnet, unpackSubnet } from '../../../src/engine/subnet/pack.ts';
import { unitLayout } from '../../../src/protocol/unitLayout.ts';
import { rngFor } from '../../../src/engine/numeric/rng.ts';
import { randomMasks } from '../../fixtures/randomSubnet.ts';
import { randomScores, tinyOpt } from '../../unit/subnet/shapes.ts';
import { propertyOptions } from '../propertyOptions.ts';

const pairs = fc.integer({ min: 0, max: 4 });

/** Models whose blocks each rotate another part of their heads, or normalise them whole. */
const shapes = fc
  .record({
    heads: fc.integer({ min: 1, max: 3 }),
    group: fc.integer({ min: 1, max: 2 }),
    hidden: fc.integer({ min: 5, max: 16 }),
    headDim: fc.integer({ min: 8, max: 11 }),
    intermediate: fc.integer({ min: 6, max: 30 }),
    biased: fc.boolean(),
    gated: fc.boolean(),
    blocks: fc.array(fc.record({ pairs, whole: fc.boolean() }), { minLength: 1, maxLength: 4 }),
  })
  .map(({ heads, group, biased, gated, blocks, ...sizes }): ModelShape => {
    const traits = blocks.map(({ pairs: turned, whole }): BlockTraits => {
      const inverseFrequencies = new Float64Array(turned).fill(1);
      const rotary = turned === 0 ? null : { inverseFrequencies, attentionFactor: 1 };
      const qkNorm = whole ? ({ kind: 'rms', epsilon: 1e-6, gainOffset: 0 } as const) : null;
      return { residual: 'parallel', attention: { rotary, qkNorm } };
    });
    return {
      ...tinyOpt,
      ...sizes,
      ...{ layers: blocks.length, heads: heads * group, kvHeads: heads, blocks: traits },
      mlp: { gated, activation: 'gelu' },
      bias: { qkv: biased, output: biased, mlp: biased },
    };
  });

/** Weights and biases that a block stores under a mask, map by map. */
function storedParameters(block: Block, mask: LayerMask): number {
  let stored = 0;
  for (const kind of ['attention', 'mlp'] as const) {
    if (!isPresent(kind, mask)) continue;
    for (const name of MAPS[kind]) {
      const map = mapOf(block, name);
      if (map === null) continue;
      const rows = rowsOf(block, name, mask).length;
      if (isOutputMap(name)) stored += rows * map.outputs + (map.bias ? map.outputs : 0);
      else stored += rows * (map.inputs + (map.bias ? 1 : 0));
    }
  }
  return stored;
}

test('any mask costs what its rows hold, and survives JSON and bits, block by block', () => {
  fc.assert(
    fc.property(shapes, fc.integer(), (shape, seed) => {
      const subnet = randomMasks(shape, seed);
      assertLegal(shape, subnet);
      for (const [l, block] of blocksOf(shape).entries()) {
        const mask = subnet.layers[l]!;
        assert.equal(blockParameters(block, mask), storedParameters(block, mask));
      }
      const json: unknown = JSON.parse(JSON.stringify(encodeSubnet(subnet)));
      assert.deepEqual(decodeSubnet(shape, json), subnet);
      const layout = unitLayout(modelSummaryOf(shape));
      assert.deepEqual(unpackSubnet(layout, packSubnet(layout, subnet)), subnet);
    }),
    propertyOptions({ numRuns: 300 }),
  );
});

test('initial and random subnets spend every budget to the last unit', () => {
  const masks = fc.constantFrom('tied' as const, 'decoupled' as const);
  const kept = fc.double({ min: 0.5, max: 1, noNaN: true });
  fc.assert(
    fc.property(shapes, masks, kept, fc.integer(), (shape, form, ratio, seed) => {
      // Heads that are one unit are too coarse for most budgets of a model of a few heads.
      fc.pre(blocksOf(shape).every(({ attention }) => attention.qkNorm === null));
      const budget = blockBudget(shape, ratio);
      const problem = { shape, masks: form, budget };
      for (const subnet of [
        initialSubnet(problem, randomScores(shape, 1)),
        randomSubnet(problem, rngFor(seed)),
      ]) {
        assertLegal(shape, subnet);
        assertOnBudget(shape, subnet, budget, form);
        assert.ok(countParameters(shape, subnet).block <= budget);
      }
    }),
    propertyOptions({ numRuns: 300 }),
  );
});
