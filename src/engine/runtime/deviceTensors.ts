/** What matters of a tensor here: where it lives and how it is freed. */
export interface Ownable {
  readonly location: string;
  dispose(): void;
}

/**
 * Who owns the device tensors that somebody gives out.
 *
 * Device memory is invisible to the garbage collector, so it is freed by hand. Whatever hands out a
 * tensor hands out one ownership of it. Host tensors need none of this and are left alone.
 */
export class TensorOwners {
  readonly #owners = new Map<Ownable, number>();

  /** Takes a fresh tensor on; it has one owner. @returns  the same tensor */
  take<T extends Ownable>(tensor: T): T {
    if (isOnDevice(tensor)) this.#owners.set(tensor, 1);
    return tensor;
  }

  /** Adds an owner to each tensor: it takes one {@link release} more to free it. */
  retain<T extends Ownable>(tensors: readonly T[]): T[] {
    for (const tensor of tensors) {
      const owners = this.#owners.get(tensor);
      if (owners !== undefined) this.#owners.set(tensor, owners + 1);
    }
    return [...tensors];
  }

  /** Gives one ownership of each tensor up; the last one frees the device memory. */
  release(tensors: Iterable<Ownable>): void {
    for (const tensor of tensors) {
      const owners = this.#owners.get(tensor);
      if (owners === undefined) continue;
      if (owners > 1) this.#owners.set(tensor, owners - 1);
      else this.#free(tensor);
    }
  }

  /** Frees every tensor that still has an owner. */
  close(): void {
    for (const tensor of [...this.#owners.keys()]) this.#free(tensor);
  }

  #free(tensor: Ownable): void {
    this.#owners.delete(tensor);
    tensor.dispose();
  }
}

/** True for tensors in device memory. */
function isOnDevice({ location }: Ownable): boolean {
  return location === 'gpu-buffer';
}
