import { inChild } from './inChild.ts';
import { atMost, figure, type Measurement } from './measurement.ts';

/** Passes over a model whose memory is stated. */
export const PASSES = [
  ...(['calibrate', 'flap', 'wandaSp', 'quantise', 'reform', 'sparsify', 'evaluate'] as const),
];
/** One of them. */
export type PassName = (typeof PASSES)[number];

/** What a child saw of a pass, bytes; null where the system does not tell. */
export interface PassMemory {
  /** Resident before it: the process, the weights, and what a forward pass has taken. */
  readonly before: number | null;
  /** Peak of resident memory until its end. */
  readonly after: number | null;
  /** What it is said to add. */
  readonly statedBytes: number;
}

/** Arrays outside its heap that V8 lets come together before it collects those nobody has. */
const UNCOLLECTED_BYTES = 64 * 2 ** 20;

/** Peak memory of each pass over what was there before and what it states, in a process of its own. */
export async function passMemoryBench(threads: number): Promise<Measurement[]> {
  const results: Measurement[] = [];
  for (const pass of PASSES) {
    const found = await inChild<PassMemory>('./passMemoryChild.ts', [String(threads), pass]);
    const { before, after, statedBytes } = found;
    if (before === null || after === null) continue;
    results.push(
      figure(`memory that ${pass} adds, 8 blocks, 2,048 tokens`, (after - before) / 1e6, 'MB'),
      figure(`memory that ${pass} is said to add`, statedBytes / 1e6, 'MB'),
      atMost(
        `peak memory of ${pass} over weights, process and stated`,
        after / (before + statedBytes + UNCOLLECTED_BYTES),
        1.05,
      ),
    );
  }
  return results;
}
