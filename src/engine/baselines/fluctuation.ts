import type { WeightSource } from '../checkpoint/weightSource.ts';
import type { ForwardPass } from '../graphs/forwardPass.ts';
import type { SublayerKind } from '../model/block.ts';
import { denseSubnet } from '../model/subnet.ts';
import { inputWidths } from '../passes/statistics.ts';
import { walk } from '../passes/walk.ts';

/** How the inputs of one output map vary over the calibration tokens, per channel. */
export interface Fluctuation {
  /** [n] */
  readonly mean: Float64Array;
  /** Sample variance, divided by tokens − 1, [n]. */
  readonly variance: Float64Array;
}

/** Fluctuations of one dense block. */
export interface LayerFluctuation {
  /** Input of o. */
  readonly attention: Fluctuation;
  /** Input of down. */
  readonly mlp: Fluctuation;
}

/**
 * Mean and variance of what enters o and down of the dense model, in one pass over the windows.
 *
 * Deviation: the published recursion updates the mean in place before it is used as the old one,
 * which is not Welford's, and skips the first sample; here sums and sums of squares are kept in
 * float64, about a first token's value so that a large mean does not cancel the variance.
 * @param batches  windows grouped into batches
 * @throws EngineError `cancelled`
 * @source An et al. 2024 (FLAP, arXiv 2312.11983); METHODS section 4.2
 */
export async function collectFluctuations(
  forward: ForwardPass,
  weights: WeightSource,
  batches: readonly (readonly Uint32Array[])[],
  signal?: AbortSignal,
): Promise<LayerFluctuation[]> {
  const subnet = denseSubnet(weights.shape);
  const found: Partial<Record<SublayerKind, Fluctuation>>[] = subnet.layers.map(() => ({}));
  await walk(
    { forward, weights, subnet, batches, signal },
    {
      async visit(here) {
        const sums = new Sums(inputWidths(weights.shape, here).inner);
        await here.observe([{ add: ({ inner }) => sums.add(inner) }]);
        found[here.index]![here.kind] = sums.fluctuation();
        return 'unchanged';
      },
    },
  );
  return found as LayerFluctuation[];
}

/** Sums of x − origin and its square, per channel. */
class Sums {
  readonly #origin: Float64Array;
  readonly #sum: Float64Array;
  readonly #squares: Float64Array;
  #tokens = 0;

  constructor(width: number) {
    this.#origin = new Float64Array(width);
    this.#sum = new Float64Array(width);
    this.#squares = new Float64Array(width);
  }

  /** @param x  [tokens, n] */
  add(x: Float32Array): void {
    const width = this.#sum.length;
    if (this.#tokens === 0) this.#origin.set(x.subarray(0, width));
    for (let at = 0; at < x.length; at += width) {
      for (let i = 0; i < width; i++) {
        const value = x[at + i]! - this.#origin[i]!;
        this.#sum[i]! += value;
        this.#squares[i]! += value * value;
      }
    }
    this.#tokens += x.length / width;
  }

  fluctuation(): Fluctuation {
    const n = this.#tokens;
    return {
      mean: this.#sum.map((sum, i) => this.#origin[i]! + sum / n),
      variance: this.#squares.map((square, i) =>
        Math.max(0, (square - this.#sum[i]! ** 2 / n) / Math.max(1, n - 1)),
      ),
    };
  }
}
