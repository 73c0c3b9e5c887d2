import type { UnitLayout } from '../../src/protocol/unitLayout.ts';

const ONES = Uint8Array.from({ length: 256 }, (_, byte) => {
  let ones = 0;
  for (let rest = byte; rest > 0; rest >>= 1) ones += rest & 1;
  return ones;
});

/** Whether a unit's bit is set. */
export function bitAt(bits: Uint8Array, layout: UnitLayout, layer: number, unit: number): boolean {
  return ((bits[layer * layout.bytesPerLayer + (unit >> 3)]! >> (unit & 7)) & 1) === 1;
}

/**
 * Number of set bits among units of one block.
 * @param bits  [layers · bytesPerLayer], least significant bit first
 * @param start  first unit
 * @param end  one past the last
 */
export function countBits(
  bits: Uint8Array,
  layout: UnitLayout,
  layer: number,
  start: number,
  end: number,
): number {
  if (end <= start) return 0;
  const base = layer * layout.bytesPerLayer;
  const first = start >> 3;
  const last = (end - 1) >> 3;
  const head = (0xff << (start & 7)) & 0xff;
  const tail = 0xff >> (7 - ((end - 1) & 7));
  if (first === last) return ONES[bits[base + first]! & head & tail]!;
  let ones = ONES[bits[base + first]! & head]! + ONES[bits[base + last]! & tail]!;
  for (let i = first + 1; i < last; i++) ones += ONES[bits[base + i]!]!;
  return ones;
}

/** What differs between two planes, bit by bit. */
export function xorBits(one: Uint8Array, other: Uint8Array): Uint8Array {
  return one.map((byte, i) => byte ^ (other[i] ?? 0));
}

/** What is set in one plane and not in the other. */
export function gainedBits(subject: Uint8Array, reference: Uint8Array): Uint8Array {
  return subject.map((byte, i) => byte & ~(reference[i] ?? 0));
}

/**
 * The bits of one block as bytes, 0 or 255.
 * @param into  [perLayer]; written and returned
 */
export function expandBits(
  bits: Uint8Array,
  layout: UnitLayout,
  layer: number,
  into: Uint8Array = new Uint8Array(layout.perLayer),
): Uint8Array {
  const base = layer * layout.bytesPerLayer;
  for (let i = 0; i < layout.perLayer; i++) {
    into[i] = (bits[base + (i >> 3)]! >> (i & 7)) & 1 ? 255 : 0;
  }
  return into;
}

/**
 * The change of one block from a reference: 255 = gained, 128 = the same, 0 = lost.
 * @param into  [perLayer]; written and returned
 */
export function expandChange(
  subject: Uint8Array,
  reference: Uint8Array,
  layout: UnitLayout,
  layer: number,
  into: Uint8Array = new Uint8Array(layout.perLayer),
): Uint8Array {
  const base = layer * layout.bytesPerLayer;
  for (let i = 0; i < layout.perLayer; i++) {
    const now = (subject[base + (i >> 3)]! >> (i & 7)) & 1;
    const before = (reference[base + (i >> 3)]! >> (i & 7)) & 1;
    into[i] = now === before ? 128 : now * 255;
  }
  return into;
}
