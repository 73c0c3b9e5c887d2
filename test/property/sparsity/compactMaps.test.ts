import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { compactLayer, scattered } from '../../../src/engine/sparsity/compactMaps.ts';
import { mapsOf } from '../../../src/engine/sparsity/linearMaps.ts';
import { blockOf, type LinearName } from '../../../src/engine/model/block.ts';
import { sublayerRows } from '../../../src/engine/model/rows.ts';
import { hasAttention } from '../../../src/engine/model/subnet.ts';
import { randomMasks } from '../../fixtures/randomSubnet.ts';
import { tinyWeights } from '../../fixtures/tinyModel.ts';
import { propertyOptions } from '../propertyOptions.ts';

const models = [
  tinyWeights({ layers: 3, heads: 6, kvHeads: 3, intermediate: 44 }),
  tinyWeights({ family: 'opt', layers: 2, intermediate: 40 }),
];
const cases = [fc.nat(1_000_000), fc.constantFrom(...models)] as const;

describe('compact maps', () => {
  it('put back where they came from give the block they were taken from', () => {
    fc.assert(
      fc.property(...cases, (seed, { shape, layers }) => {
        const subnet = randomMasks(shape, seed);
        for (const [l, layer] of layers.entries()) {
          const mask = subnet.layers[l]!;
          for (const kind of ['attention', 'mlp'] as const) {
            if (kind === 'attention' && !hasAttention(mask)) continue;
            const rows = sublayerRows(blockOf(shape, l), kind, mask);
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
