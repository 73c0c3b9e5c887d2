import { weightBytes } from '../../src/engine/checkpoint/weightBytes.ts';
import { inChild } from './inChild.ts';
import { atMost, figure, type Measurement } from './measurement.ts';
import { BENCH_SHAPE } from './syntheticModel.ts';

interface ChildResult {
  readonly peakBytes: number;
  readonly blockMs: number;
  readonly cancelMs: number;
  readonly longestGapMs: number;
}

/** Fixed part of the memory bar: the process itself, activations and logits. */
const ALLOWANCE_BYTES = 450e6;

/** Peak memory of evaluating, and how fast a cancel is answered, each in a process of its own. */
export async function memoryBench(threads: number): Promise<Measurement[]> {
  const results: Measurement[] = [];
  const allowed = 1.2 * weightBytes(BENCH_SHAPE) + ALLOWANCE_BYTES;
  for (const length of [512, 2048]) {
    const child = await inChild<ChildResult>('./memoryChild.ts', [String(threads), String(length)]);
    results.push(
      figure(`peak memory, ${length}-token windows`, child.peakBytes / 1e6, 'MB'),
      atMost(
        `peak memory over 1.2 × weights + 450 MB, ${length}-token windows`,
        child.peakBytes / allowed,
        1,
      ),
      atMost(
        `cancel answered, in blocks, ${length}-token windows`,
        child.cancelMs / child.blockMs,
        1,
        'blocks',
      ),
    );
  }
  return results;
}
