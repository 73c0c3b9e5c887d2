import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { tensorOf } from '../../../src/engine/checkpoint/assembleWeights.ts';
import type { Family, Slot } from '../../../src/engine/checkpoint/families/family.ts';
import { familyNamed } from '../../../src/engine/checkpoint/families/registry.ts';
import { ModelWeights } from '../../../src/engine/checkpoint/modelWeights.ts';
import { scatterParts, slotSizes } from '../../../src/engine/checkpoint/storedParts.ts';
import { arrayName, tensorTable } from '../../../src/engine/checkpoint/tensorTable.ts';
import { slicedTensors, slicedValues } from '../../../src/engine/export/slicedTensors.ts';
import { denseSubnet } from '../../../src/engine/model/subnet.ts';
import { maskedWeights } from '../../fixtures/maskedWeights.ts';
import { randomMasks } from '../../fixtures/randomSubnet.ts';
import { type TinyOptions, tinyWeights } from '../../fixtures/tinyModel.ts';

const GPT2: TinyOptions = { family: 'gpt2', hidden: 24, heads: 3, intermediate: 20, tied: false };

/** q, k and v one after the other, outputs first, as Phi-3 has them. */
const stacked: Family = { ...familyNamed('gpt2'), inputsFirst: false };

/** q, k and v of each head beside each other, as GPT-NeoX has them. */
const headByHead: Family = {
  ...stacked,
  fused: ({ attention: { heads, headDim } }) => [
    Array.from({ length: heads }, (_, head) =>
      (['q', 'k', 'v'] as const).map((map) => ({ map, from: head * headDim, count: headDim })),
    ).flat(),
  ],
};

const LAYOUTS: readonly (readonly [string, Family])[] = [
  ['maps one after the other', stacked],
  ['inputs first', familyNamed('gpt2')],
  ['heads one after the other', headByHead],
];

describe('a tensor of several maps', () => {
  for (const [what, family] of LAYOUTS) {
    test(`gives back what was put into it: ${what}`, async () => {
      const weights = tinyWeights(GPT2);
      const { shape } = weights;
      for (const subnet of [denseSubnet(shape), ...[1, 2, 3].map((s) => randomMasks(shape, s))]) {
        const masked = maskedWeights(weights, subnet);
        for (const tensor of slicedTensors(family, shape, subnet)) {
          const stored = await slicedValues(weights, tensor);
          assert.equal(
            stored.length,
            tensor.dims.reduce((a, b) => a * b, 1),
            tensor.name,
          );
          const arrays = new Map<Slot, Float32Array>();
          for (const [slot, size] of slotSizes(tensor.spec)) {
            arrays.set(slot, new Float32Array(size));
          }
          const put = scatterParts(tensor, (slot) => arrays.get(slot)!);
          // In pieces of three stored rows, of which parts begin and end inside.
          const step = 3 * (tensor.dims[1] ?? 1);
          for (let first = 0; first < stored.length; first += step) {
            put(stored.subarray(first, first + step), first);
          }
          for (const [slot, found] of arrays) {
            const { layer } = tensor.spec;
            const owner = layer === null ? masked : masked.layers[layer]!;
            assert.deepEqual(found, tensorOf(owner, slot), slot);
          }
        }
      }
    });
  }

  test('has their outputs one after the other, or head by head, or as columns', async () => {
    const weights = numbered(tinyWeights({ ...GPT2, hidden: 4, heads: 2 }));
    const { shape } = weights;
    const stored = async (family: Family): Promise<number[]> => {
      const tensor = slicedTensors(family, shape, denseSubnet(shape)).find(({ name }) =>
        name.endsWith('h.0.attn.c_attn.bias'),
      );
      return [...(await slicedValues(weights, tensor!))];
    };
    assert.deepEqual(
      await stored(familyNamed('gpt2')),
      [0, 1, 2, 3, 100, 101, 102, 103, 200, 201, 202, 203],
    );
    assert.deepEqual(
      await stored(headByHead),
      [0, 1, 100, 101, 200, 201, 2, 3, 102, 103, 202, 203],
    );
    const matrix = tensorTable(familyNamed('gpt2'), shape).find(({ name }) =>
      name.endsWith('h.0.attn.c_attn.weight'),
    );
    assert.deepEqual([matrix!.dims, matrix!.transposed], [[4, 12], true]);
  });

  test('has one name, and each of its arrays another', () => {
    const family = familyNamed('gpt2');
    const names = (['q', 'k', 'v', 'o'] as const).map((map) =>
      arrayName(family, `${map}.weight`, 7),
    );
    assert.deepEqual(names, [
      'transformer.h.7.attn.c_attn.q.weight',
      'transformer.h.7.attn.c_attn.k.weight',
      'transformer.h.7.attn.c_attn.v.weight',
      'transformer.h.7.attn.c_proj.weight',
    ]);
  });
});

/** The model with biases of 0, 1, … in q, 100, … in k and 200, … in v. */
function numbered(weights: ModelWeights): ModelWeights {
  const bias = (from: number): Float32Array => Float32Array.from({ length: 4 }, (_, i) => from + i);
  const layers = weights.layers.map((layer) => ({
    ...layer,
    q: { ...layer.q, bias: bias(0) },
    k: { ...layer.k, bias: bias(100) },
    v: { ...layer.v, bias: bias(200) },
  }));
  return new ModelWeights({ ...weights, layers });
}
