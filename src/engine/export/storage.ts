import type { Checkpoint } from '../checkpoint/openCheckpoint.ts';
import {
  type ReadableDtype,
  type StoredDtype,
  storedDtypes,
  writableDtype,
} from '../checkpoint/storedFloats.ts';

/** Element types in which the weights of an export are stored. */
export interface Storage {
  /** Type of every tensor that {@link ownTypes} does not name; the coarsest of all. */
  readonly dtype: StoredDtype;
  /** Tensors of finer types, by their Hugging Face names in the source model. */
  readonly ownTypes?: ReadonlyMap<string, StoredDtype> | undefined;
}

/**
 * The storage that a config asks for.
 * @param wanted  "source" keeps the type of each tensor
 * @param source  the model whose tensors these are
 */
export function storageOf(
  wanted: 'source' | 'float32' | 'float16' | 'bfloat16',
  source: Pick<Checkpoint, 'tensors'>,
): Storage {
  if (wanted !== 'source') {
    return { dtype: ({ float32: 'F32', float16: 'F16', bfloat16: 'BF16' } as const)[wanted] };
  }
  return ownStorage(
    source.tensors.map(({ spec, located }) => [
      spec.name,
      writableDtype(located.entry.dtype as ReadableDtype),
    ]),
  );
}

/** The storage that keeps the type of each tensor. @param types  tensor names and their types */
export function ownStorage(types: readonly (readonly [string, StoredDtype])[]): Storage {
  const found = new Set(types.map(([, dtype]) => dtype));
  const dtype = storedDtypes.findLast((name) => found.has(name)) ?? 'F32';
  const finer = types.filter(([, own]) => own !== dtype);
  return finer.length === 0 ? { dtype } : { dtype, ownTypes: new Map(finer) };
}

/** The element type of one tensor. @param name  Hugging Face's, in the source model */
export function dtypeOf({ dtype, ownTypes }: Storage, name: string): StoredDtype {
  return ownTypes?.get(name) ?? dtype;
}

/** All element types of a storage, the most exact first. */
export function dtypesOf({ dtype, ownTypes }: Storage): StoredDtype[] {
  const found = new Set([dtype, ...(ownTypes?.values() ?? [])]);
  return storedDtypes.filter((name) => found.has(name));
}
