/** How two masks of one layout differ, in units. */
export interface MaskDifference {
  /** Units one of them keeps and the other does not. */
  readonly differing: number;
  /** Units the first keeps. */
  readonly kept: number;
}

/** Set bits of each byte. */
const bitCounts = Uint8Array.from({ length: 256 }, (_, byte) => {
  let count = 0;
  for (let rest = byte; rest > 0; rest &= rest - 1) count++;
  return count;
});

/** Compares two masks, bits of equal length; null when they are of different layouts. */
export function maskDifference(a: Uint8Array, b: Uint8Array): MaskDifference | null {
  if (a.length !== b.length) return null;
  let [differing, kept] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    differing += bitCounts[a[i]! ^ b[i]!]!;
    kept += bitCounts[a[i]!]!;
  }
  return { differing, kept };
}
