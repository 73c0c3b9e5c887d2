import { createHash } from 'node:crypto';
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';

/** A seeded stream of random draws. Every draw takes a bounded number of steps. */
export interface Rng {
  /** @returns a number in [0, 1), 53 random bits. */
  uniform(): number;
  /** @returns an integer in [0, n), n ≥ 1. */
  int(n: number): number;
  /** @returns a draw from the standard normal distribution. */
  normal(): number;
  /** @returns a draw from the standard Gumbel distribution. */
  gumbel(): number;
  /** @returns a shuffled copy. */
  shuffle<T>(items: readonly T[]): T[];
  /** @returns k distinct integers of [0, n) in the order drawn; k ≤ n. */
  sample(n: number, k: number): Uint32Array;
}

/**
 * The random stream named by a seed and labels, independent of every other name's stream.
 *
 * Work that names its stream (generation 3, child 7) draws the same numbers whatever ran before
 * it, so neither the order of work nor an interruption can change a result.
 * @param seed  any safe integer
 * @param labels  what the stream is for; numbers and strings are told apart
 */
export function rngFor(seed: number, ...labels: readonly (string | number)[]): Rng {
  const digest = createHash('sha256')
    .update(JSON.stringify([seed, ...labels]))
    .digest();
  // The generator stands still on the all-zero state only, which no digest will give in practice.
  const state = [0, 4, 8, 12].map((byte) => digest.readInt32LE(byte));
  const source = xoroshiro128plusFromState(state);
  return new SeededRng(() => uniformFloat64(source));
}

class SeededRng implements Rng {
  readonly uniform: () => number;

  constructor(uniform: () => number) {
    this.uniform = uniform;
  }

  int(n: number): number {
    // Scaling instead of rejection: the bias is below n · 2⁻⁵³ and the cost is one draw.
    return Math.floor(this.uniform() * n);
  }

  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }

  gumbel(): number {
    // Both logarithms are kept off zero, so the draw is finite.
    return -Math.log(-Math.log(Math.max(this.uniform(), Number.MIN_VALUE)));
  }

  shuffle<T>(items: readonly T[]): T[] {
    return Array.from(this.sample(items.length, items.length), (index) => items[index] as T);
  }

  sample(n: number, k: number): Uint32Array {
    const pool = Uint32Array.from({ length: n }, (_, index) => index);
    for (let i = 0; i < k; i++) {
      const j = i + this.int(n - i);
      const drawn = pool[j]!;
      pool[j] = pool[i]!;
      pool[i] = drawn;
    }
    return pool.slice(0, k);
  }
}
