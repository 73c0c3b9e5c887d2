import { equalTensors } from './equalTensors.ts';
import type { Family } from './families/family.ts';
import type { ModelShape } from '../model/modelShape.ts';
import type { LocatedTensor, TensorIndex } from './tensorIndex.ts';
import { bareName, tensorName } from './tensorTable.ts';

/** How the output head of a checkpoint is stored. */
export type StoredHead =
  /** As the configuration says: a tensor of its own, or none. */
  | 'configured'
  /** A copy of the embedding table beside it. */
  | 'copy'
  /** The configuration ties it to the embedding table, but the file holds other values. */
  | 'separate';

/**
 * Looks whether a head that the configuration ties to the embedding table has values of its own:
 * then the file is right and the configuration is not, as transformers takes it.
 *
 * @param folder  as `resolveFolder` gives it
 * @throws EngineError `checkpoint` as `equalTensors` does
 */
export async function storedHead(
  folder: string,
  index: TensorIndex,
  family: Family,
  shape: ModelShape,
): Promise<StoredHead> {
  if (!shape.tiedEmbeddings) return 'configured';
  const head = tensorNamed(index, tensorName(family, 'head', null));
  const embedding = tensorNamed(index, tensorName(family, 'embedding', null));
  if (head === undefined || embedding === undefined) return 'configured';
  const isLike = head.entry.dims.join() === embedding.entry.dims.join();
  const isPlain = head.packed === undefined && embedding.packed === undefined;
  return isLike && isPlain && (await equalTensors(folder, head, embedding)) ? 'copy' : 'separate';
}

/** A tensor by its name, or by that which checkpoints saved from the bare decoder have for it. */
export function tensorNamed(index: TensorIndex, name: string): LocatedTensor | undefined {
  return index.tensors.get(name) ?? index.tensors.get(bareName(name));
}
