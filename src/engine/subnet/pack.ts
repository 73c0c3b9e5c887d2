import { EngineError } from '../../protocol/errors.ts';
import type { UnitLayout } from '../../protocol/unitLayout.ts';
import type { LayerMask, Subnet } from '../model/subnet.ts';

/**
 * A subnet as one bit per unit, set where the unit is kept.
 * @param subnet  legal for the model of the layout
 * @returns [layers · bytesPerLayer], bits as {@link UnitLayout} says; spare bits are 0
 */
export function packSubnet(layout: UnitLayout, subnet: Subnet): Uint8Array {
  const { qkUnits, headDim, bytesPerLayer } = layout;
  const bits = new Uint8Array(layout.layers * bytesPerLayer);
  for (const [l, mask] of subnet.layers.entries()) {
    const plane = bits.subarray(l * bytesPerLayer, (l + 1) * bytesPerLayer);
    let at = 0;
    for (const { qk } of mask.heads) at = set(plane, at, qk, qkUnits);
    for (const { vo } of mask.heads) at = set(plane, at, vo, headDim);
    set(plane, at, mask.mlp, layout.intermediate);
  }
  return bits;
}

/**
 * The subnet that {@link packSubnet} packed. Whether it is legal is for the caller to check.
 * @param bits  [layers · bytesPerLayer]
 * @throws EngineError `decode` for another number of bytes
 */
export function unpackSubnet(layout: UnitLayout, bits: Uint8Array): Subnet {
  const { layers, bytesPerLayer } = layout;
  if (bits.length !== layers * bytesPerLayer) {
    throw new EngineError('decode', {
      what: 'Packed masks',
      expected: `${layers * bytesPerLayer} bytes for ${layers} blocks`,
      found: `${bits.length}`,
      action: 'Use masks of the same model.',
      sentence: `Packed masks of ${bits.length} bytes do not fit the model, whose ${layers} blocks take ${layers * bytesPerLayer}.`,
    });
  }
  return {
    layers: Array.from({ length: layers }, (_, l) =>
      unpackLayer(layout, bits.subarray(l * bytesPerLayer, (l + 1) * bytesPerLayer)),
    ),
  };
}

function unpackLayer(layout: UnitLayout, plane: Uint8Array): LayerMask {
  const { kvHeads, qkUnits, headDim, intermediate } = layout;
  const vosAt = kvHeads * qkUnits;
  const heads = Array.from({ length: kvHeads }, (_, h) => ({
    qk: get(plane, h * qkUnits, qkUnits),
    vo: get(plane, vosAt + h * headDim, headDim),
  }));
  return { heads, mlp: get(plane, vosAt + kvHeads * headDim, intermediate) };
}

/** Sets the bits of the kept units; returns where the next group begins. */
function set(plane: Uint8Array, at: number, kept: Uint32Array, units: number): number {
  for (let i = 0; i < kept.length; i++) {
    const bit = at + kept[i]!;
    plane[bit >> 3]! |= 1 << (bit & 7);
  }
  return at + units;
}

function get(plane: Uint8Array, at: number, units: number): Uint32Array {
  const kept = new Uint32Array(units);
  let count = 0;
  for (let i = 0; i < units; i++) {
    const bit = at + i;
    if ((plane[bit >> 3]! >> (bit & 7)) & 1) kept[count++] = i;
  }
  return kept.slice(0, count);
}
