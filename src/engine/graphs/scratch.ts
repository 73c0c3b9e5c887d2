/**
 * Reusable float32 memory for gathered weights.
 *
 * A fresh array costs more than the copy into it, because its pages are zeroed and mapped first.
 * Arrays taken by one user are not given to another until that one returns them.
 */
export class ScratchPool {
  readonly #free: Float32Array[] = [];

  /** Drops the arrays that nobody has. */
  clear(): void {
    this.#free.length = 0;
  }

  /** A user of the pool; it returns everything it took at once. */
  borrow(): Scratch {
    return new Scratch(this.#free);
  }
}

/** Arrays that one user has taken from a {@link ScratchPool}. */
export class Scratch {
  readonly #free: Float32Array[];
  #taken: Float32Array[] = [];

  constructor(free: Float32Array[]) {
    this.#free = free;
  }

  /** An array of `length` entries with ARBITRARY content, valid until {@link giveBack}. */
  take(length: number): Float32Array {
    const fits = this.#free.findIndex((array) => array.length >= length);
    // When all are too small the largest is dropped for a new one, so the pool keeps its count.
    const whole =
      fits >= 0 ? this.#free.splice(fits, 1)[0]! : (this.#free.pop(), new Float32Array(length));
    this.#taken.push(whole);
    return whole.subarray(0, length);
  }

  /** Returns all taken arrays; they must not be used any more. */
  giveBack(): void {
    this.#free.push(...this.#taken);
    this.#free.sort((a, b) => a.length - b.length);
    this.#taken = [];
  }
}
