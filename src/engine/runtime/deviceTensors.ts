/** What matters of a tensor here: where it lives and how it is freed. */
export interface Ownable {
  readonly location: string;
  dispose(): void;
}

/** Owners of a device tensor that has more than one. */
const owners = new WeakMap<Ownable, number>();

/**
 * Adds an owner to a device tensor: it now takes one {@link releaseTensor} more to free it.
 *
 * Device memory is invisible to the garbage collector, so it is freed by hand. Whatever hands out a
 * tensor hands out one ownership of it. Host tensors need none of this and are left alone.
 * @returns  the same tensor
 */
export function retainTensor<T extends Ownable>(tensor: T): T {
  if (tensor.location === 'gpu-buffer') owners.set(tensor, (owners.get(tensor) ?? 1) + 1);
  return tensor;
}

/** Gives one ownership up; the last one frees the device memory. */
export function releaseTensor(tensor: Ownable): void {
  if (tensor.location !== 'gpu-buffer') return;
  const left = (owners.get(tensor) ?? 1) - 1;
  owners.set(tensor, left);
  if (left <= 0) tensor.dispose();
}

/** Gives one ownership of each tensor up. */
export function releaseTensors(tensors: Iterable<Ownable>): void {
  for (const tensor of tensors) releaseTensor(tensor);
}
