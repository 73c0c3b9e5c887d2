import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { keptAttentionRows, keptHeads } from '../../../src/engine/export/sliceLayer.ts';
import { compactLayer, keptRowsOf, scattered } from '../../../src/engine/sparsity/compactMaps.ts';
import { type LinearName, mapsOf } from '../../../src/engine/sparsity/linearMaps.ts';
import { hasAttention } from '../../../src/engine/subnet/count.ts';
import { randomMasks } from '../../fixtures/randomSubnet.ts';
import { tinyWeights } from '../../fixtures/tinyModel.ts';
import { propertyOptions } from '../propertyOptions.ts';

const models = [
  tinyWeights({ layers: 3, heads: 6, kvHeads: 3, intermediate: 44 }),
  tinyWeights({ family: 'opt', layers: 2, intermediate: 40 }),
];
const cases = [fc.nat(1_000_000), fc.constantFrom(...models)] as const;

describe('compact maps', () => {
  it('have the rows of an export, in its order', () => {
    fc.assert(
      fc.property(...cases, (seed, { shape }) => {
        for (const mask of randomMasks(shape, seed).layers) {
          const expected = keptAttentionRows(shape, keptHeads(shape, mask));
          assert.deepEqual(keptRowsOf(shape, mask, 'attention'), { ...expected });
        }
      }),
      propertyOptions({ numRuns: 100 }),
    );
  });

  it('put back where they came from give the block they were taken from', () => {
    fc.assert(
      fc.property(...cases, (seed, { shape, layers }) => {
        const subnet = randomMasks(shape, seed);
        for (const [l, layer] of layers.entries()) {
          const mask = subnet.layers[l]!;
          for (const kind of ['attention', 'mlp'] as const) {
            if (kind === 'attention' && !hasAttention(mask)) continue;
            const rows = keptRowsOf(shape, mask, kind);
            const compact = compactLayer(layer, rows, shape.hidden);
            const maps = mapsOf(compact, kind);
            for (const { name, linear } of maps) {
              assert.equal(linear.weight.length, rows[name]!.length * shape.hidden);
            }
            const linears = new Map(
              maps.map(({ name, linear }): [LinearName, typeof linear] => [name, linear]),
            );
            assert.deepEqual(scattered(layer, linears, rows, shape.hidden), layer);
          }
        }
      }),
      propertyOptions({ numRuns: 50 }),
    );
  });
});
