import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { LayerWeights, Linear } from '../../../src/engine/checkpoint/modelWeights.ts';
import { sliceLinear } from '../../../src/engine/graphs/keptRows.ts';
import { blockOf, type LinearName } from '../../../src/engine/model/block.ts';
import type { ModelShape } from '../../../src/engine/model/modelShape.ts';
import { sublayerRows } from '../../../src/engine/model/rows.ts';
import { slicedTensors, slotRows } from '../../../src/engine/checkpoint/slicedTensors.ts';
import { slicedValues } from '../../../src/engine/export/slicedValues.ts';
import type { LayerSlot } from '../../../src/engine/checkpoint/families/family.ts';
import { familyNamed } from '../../../src/engine/checkpoint/families/registry.ts';
import { countParameters } from '../../../src/engine/model/cost.ts';
import { denseSubnet, isPresent, type LayerMask } from '../../../src/engine/model/subnet.ts';
import { randomMasks } from '../../fixtures/randomSubnet.ts';
import { tinyWeights } from '../../fixtures/tinyModel.ts';
import { changed, LLAMA, NO_HEAD, OPT, OPT_350M, withoutAttention } from './candidates.ts';

describe('a sliced block', () => {
  const biased = { ...LLAMA, config: { attention_bias: true, mlp_bias: true } };

  test('holds exactly the block parameters that are counted, for any legal mask', () => {
    for (const options of [LLAMA, biased, OPT, OPT_350M]) {
      const weights = tinyWeights(options);
      for (let seed = 0; seed < 30; seed++) {
        const subnet = randomMasks(weights.shape, seed);
        let sum = 0;
        for (const [l, layer] of weights.layers.entries()) {
          const linears = slicedMaps(weights.shape, l, layer, subnet.layers[l]!);
          sum += Object.values(linears).reduce((total, one) => total + parametersOf(one), 0);
        }
        assert.equal(sum, countParameters(weights.shape, subnet).block);
      }
    }
  });

  test('refuses a tensor that no rule slices, by name', async () => {
    const weights = tinyWeights(LLAMA);
    const { shape } = weights;
    const mask = denseSubnet(shape).layers[0]!;
    const unknown = 'router.weight' as LayerSlot;
    assert.throws(
      () => slotRows(blockOf(shape, 0), mask)(unknown),
      /what a mask keeps of router\.weight/,
    );
    const [tensor] = slicedTensors(familyNamed(shape.family), shape, denseSubnet(shape));
    const spec = { ...tensor!.spec, layer: 0, name: 'layers.0.router.weight' };
    const parts = [{ slot: unknown, rows: { from: 0, count: 1 } }];
    await assert.rejects(
      slicedValues(weights, { ...tensor!, spec, parts }),
      /no weights for layers\.0\.router\.weight/,
    );
  });

  test('names sliced tensors whose sizes add up to all parameters', () => {
    for (const options of [LLAMA, biased, OPT, OPT_350M, { ...OPT_350M, tied: false }]) {
      const { shape } = tinyWeights(options);
      for (let seed = 0; seed < 30; seed++) {
        const subnet = randomMasks(shape, seed);
        const tensors = slicedTensors(familyNamed(shape.family), shape, subnet);
        const sum = tensors.reduce((all, { dims }) => all + dims.reduce((a, b) => a * b, 1), 0);
        assert.equal(sum, countParameters(shape, subnet).total);
      }
    }
  });

  test('keeps both halves of a RoPE pair, of the key head and of its query heads', () => {
    const weights = tinyWeights(LLAMA);
    const { shape } = weights;
    const mask = {
      heads: [NO_HEAD, { qk: Uint32Array.of(1, 3), vo: Uint32Array.of(0, 5, 6) }, NO_HEAD],
      mlp: Uint32Array.of(2, 63),
    };
    const layer = weights.layers[1]!;
    const maps = slicedMaps(shape, 1, layer, mask);
    const rows = (linear: Linear, kept: number[]): number[] =>
      kept.flatMap((row) => [...linear.weight.subarray(row * 40, (row + 1) * 40)]);
    // Head 1 of width 8 starts at row 8 of k; its query heads 2 and 3 at rows 16 and 24 of q.
    assert.deepEqual([...maps.k!.weight], rows(layer.k, [9, 11, 13, 15]));
    assert.deepEqual([...maps.q!.weight], rows(layer.q, [17, 19, 21, 23, 25, 27, 29, 31]));
    assert.deepEqual([...maps.v!.weight], rows(layer.v, [8, 13, 14]));
    assert.deepEqual([...maps.o!.weight], rows(layer.o, [16, 21, 22, 24, 29, 30]));
    assert.deepEqual([...maps.down!.weight], rows(layer.down, [2, 63]));
  });

  test('gives nothing of removed sublayers and views of the dense weights for whole ones', () => {
    const weights = tinyWeights(OPT);
    const { shape } = weights;
    const gone = changed(shape, (mask) => ({ ...withoutAttention(mask), mlp: new Uint32Array(0) }));
    const layer = weights.layers[0]!;
    assert.deepEqual(slicedMaps(shape, 0, layer, gone.layers[0]!), {});
    const whole = slicedMaps(shape, 0, layer, denseSubnet(shape).layers[0]!);
    assert.equal(whole.q!.weight.buffer, layer.q.weight.buffer);
    assert.deepEqual(whole.down, layer.down);
  });
});

/** The kept rows of every map that a mask leaves in a block. */
function slicedMaps(
  shape: ModelShape,
  index: number,
  layer: LayerWeights,
  mask: LayerMask,
): Partial<Record<LinearName, Linear>> {
  const kinds = (['attention', 'mlp'] as const).filter((kind) => isPresent(kind, mask));
  const rows = kinds.flatMap((kind) =>
    Object.entries(sublayerRows(blockOf(shape, index), kind, mask)),
  ) as [LinearName, Uint32Array][];
  return Object.fromEntries(
    rows.map(([name, kept]) => [name, sliceLinear(name, layer[name]!, shape.hidden, kept)]),
  );
}

function parametersOf({ weight, bias }: Linear): number {
  return weight.length + (bias?.length ?? 0);
}
