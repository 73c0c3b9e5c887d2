/** Shows all keys of a group, in pieces, the same ones in the same order every time. */
export type KeySource = (show: (keys: Int32Array, length: number) => void) => void;

/** The smallest key that stays, and how many of those equal to it do. */
export interface Threshold {
  readonly key: number;
  /** Keys equal to `key` that stay; the first ones in order. */
  readonly ties: number;
}

/** Bits of a non-negative int32 looked at in each pass, from the highest. */
const DIGITS: readonly (readonly [shift: number, bits: number])[] = [
  [20, 11],
  [10, 10],
  [0, 10],
];

/**
 * The threshold that leaves the `keep` largest keys: radix selection, three passes over the keys
 * whatever they are, nothing sorted and nothing copied.
 * @param source  at least `keep` keys, none negative
 * @param keep  1 or more
 */
export function thresholdOf(source: KeySource, keep: number): Threshold {
  let prefix = 0;
  let wanted = keep;
  let seenBits = 31;
  const counts = new Int32Array(1 << 11);
  for (const [shift, bits] of DIGITS) {
    counts.fill(0);
    const low = (1 << bits) - 1;
    source((keys, length) => {
      count(keys, length, counts, { above: seenBits, prefix, shift, low });
    });
    let digit = low;
    while (digit > 0 && counts[digit]! < wanted) wanted -= counts[digit--]!;
    prefix |= digit << shift;
    seenBits = shift;
  }
  return { key: prefix, ties: wanted };
}

interface Digit {
  /** Bits from this one on must be those of the prefix. */
  readonly above: number;
  readonly prefix: number;
  readonly shift: number;
  readonly low: number;
}

function count(keys: Int32Array, length: number, counts: Int32Array, digit: Digit): void {
  const { above, prefix, shift, low } = digit;
  // In the first pass every key belongs: shifting by 31 leaves nothing of either.
  const wanted = prefix >>> above;
  for (let i = 0; i < length; i++) {
    const key = keys[i]!;
    if (key >>> above === wanted) counts[(key >>> shift) & low]!++;
  }
}
