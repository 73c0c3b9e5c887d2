import type { Runner } from '../graphs/runner.ts';
import type { Tensor } from '../runtime/runtime.ts';

/**
 * Residual streams after the first l blocks of recently evaluated subnets, by the masks of these
 * blocks. Least recently used entries go first when the budget is full.
 */
export class PrefixCache {
  readonly #entries = new Map<string, readonly Tensor[]>();
  readonly #owner: Pick<Runner, 'retain' | 'release'>;
  readonly #budgetBytes: number;
  #bytes = 0;

  /**
   * @param owner  owns the states
   * @param budgetBytes  most bytes of residual streams held; 0 keeps nothing
   */
  constructor(owner: Pick<Runner, 'retain' | 'release'>, budgetBytes: number) {
    this.#owner = owner;
    this.#budgetBytes = budgetBytes;
  }

  /** The states under a key, for the caller to free; undefined when not held. */
  get(key: string): readonly Tensor[] | undefined {
    const states = this.#entries.get(key);
    if (states !== undefined) {
      this.#entries.delete(key);
      this.#entries.set(key, states);
      this.#owner.retain(states);
    }
    return states;
  }

  /**
   * Holds states, dropping others to make room; states larger than the whole budget are not held.
   */
  put(key: string, states: readonly Tensor[]): void {
    const size = bytesOf(states);
    if (size > this.#budgetBytes) return;
    this.#drop(key);
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes + size <= this.#budgetBytes) break;
      this.#drop(oldest);
    }
    this.#owner.retain(states);
    this.#entries.set(key, states);
    this.#bytes += size;
  }

  /** Drops everything. */
  clear(): void {
    for (const key of [...this.#entries.keys()]) this.#drop(key);
  }

  #drop(key: string): void {
    const states = this.#entries.get(key);
    if (states === undefined) return;
    this.#entries.delete(key);
    this.#bytes -= bytesOf(states);
    this.#owner.release(states);
  }
}

function bytesOf(states: readonly Tensor[]): number {
  return states.reduce((sum, state) => sum + 4 * state.dims.reduce((p, dim) => p * dim, 1), 0);
}
