import type { ModelSummary } from '../../../src/protocol/modelSummary.ts';
import type { UnitLayout } from '../../../src/protocol/unitLayout.ts';

/** A small model in which no size divides another by chance: blocks do not end at whole bytes. */
export const model: ModelSummary = {
  ...{ family: 'llama', layers: 3, hidden: 32, heads: 4, kvHeads: 2, headDim: 8, qkUnits: 4 },
  ...{ intermediate: 37, vocab: 64, params: 1, blockParams: 1 },
};

/** A plane with these (layer, unit) bits set. */
export function setBits(
  layout: UnitLayout,
  units: readonly (readonly [layer: number, unit: number])[],
): Uint8Array {
  const bits = new Uint8Array(layout.layers * layout.bytesPerLayer);
  for (const [layer, unit] of units) {
    bits[layer * layout.bytesPerLayer + (unit >> 3)]! |= 1 << (unit & 7);
  }
  return bits;
}

/** A plane of bits that follow no pattern, the same for the same seed. */
export function randomBits(layout: UnitLayout, seed: number): Uint8Array {
  let state = seed;
  const bits = new Uint8Array(layout.layers * layout.bytesPerLayer);
  return bits.map(() => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  });
}
