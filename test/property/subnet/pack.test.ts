import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { ModelShape } from '../../../src/engine/model/modelShape.ts';
import { modelSummaryOf } from '../../../src/engine/subnet/modelSummary.ts';
import { packSubnet, unpackSubnet } from '../../../src/engine/subnet/pack.ts';
import { unitLayout } from '../../../src/protocol/unitLayout.ts';
import { randomMasks } from '../../fixtures/randomSubnet.ts';
import { tinyLlama } from '../../unit/subnet/shapes.ts';
import { propertyOptions } from '../propertyOptions.ts';

const shapes = fc
  .record({
    layers: fc.integer({ min: 1, max: 4 }),
    kvHeads: fc.integer({ min: 1, max: 3 }),
    headDim: fc.integer({ min: 1, max: 9 }).map((half) => 2 * half),
    intermediate: fc.integer({ min: 1, max: 40 }),
  })
  .map((sizes): ModelShape => ({
    ...tinyLlama,
    ...sizes,
    heads: 2 * sizes.kvHeads,
    positions: {
      kind: 'rope',
      inverseFrequencies: new Float64Array(sizes.headDim / 2).fill(1),
      attentionFactor: 1,
    },
  }));

test('any subnet survives packing and unpacking', () => {
  fc.assert(
    fc.property(shapes, fc.nat(), (shape, seed) => {
      const layout = unitLayout(modelSummaryOf(shape));
      const subnet = randomMasks(shape, seed);
      const bits = packSubnet(layout, subnet);
      assert.equal(bits.length, layout.layers * layout.bytesPerLayer);
      assert.deepEqual(unpackSubnet(layout, bits), subnet);
    }),
    propertyOptions(),
  );
});

test('as many bits are set as units are kept, each where the layout says', () => {
  const shape = { ...tinyLlama, layers: 2 };
  const layout = unitLayout(modelSummaryOf(shape));
  const subnet = randomMasks(shape, 3);
  const bits = packSubnet(layout, subnet);
  const kept = (unit: number): boolean =>
    ((bits[layout.bytesPerLayer + (unit >> 3)]! >> (unit & 7)) & 1) === 1;
  const { heads, mlp } = subnet.layers[1]!;
  const { kvHeads, qkUnits, headDim, perLayer } = layout;
  const expected = new Set([
    ...heads.flatMap(({ qk }, h) => [...qk].map((i) => h * qkUnits + i)),
    ...heads.flatMap(({ vo }, h) => [...vo].map((i) => kvHeads * qkUnits + h * headDim + i)),
    ...[...mlp].map((i) => kvHeads * (qkUnits + headDim) + i),
  ]);
  for (let unit = 0; unit < perLayer; unit++) assert.equal(kept(unit), expected.has(unit));
});

test('another number of bytes is refused', () => {
  const layout = unitLayout(modelSummaryOf(tinyLlama));
  const bits = packSubnet(layout, randomMasks(tinyLlama, 1));
  assert.throws(
    () => unpackSubnet(layout, bits.subarray(1)),
    /Packed masks of \d+ bytes do not fit the model/,
  );
});
