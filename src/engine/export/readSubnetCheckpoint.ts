import { loadWeights } from '../checkpoint/loadWeights.ts';
import type { ModelWeights } from '../checkpoint/modelWeights.ts';
import { openSliced } from '../checkpoint/openCheckpoint.ts';
import { denseSubnet, type Subnet } from '../model/subnet.ts';
import { type Storage, storageOf } from './storage.ts';

/** A sliced checkpoint read back as a candidate. */
export interface SubnetCheckpoint {
  /** In the layout of the model it was sliced from, zeros in removed rows. */
  readonly weights: ModelWeights;
  readonly subnet: Subnet;
  /** Element types of its tensors, by their names in the source model. */
  readonly storage: Storage;
}

/**
 * Reads a checkpoint that `exportCheckpoint` or `exportCompressed` wrote by its masks.
 *
 * Memory: the weights of the dense model as float32 plus a few MB.
 * @throws EngineError `checkpoint` for a folder that is not such a checkpoint or is damaged, `cancelled`
 */
export async function readSubnetCheckpoint(
  dir: string,
  signal?: AbortSignal,
): Promise<SubnetCheckpoint> {
  const checkpoint = await openSliced(dir);
  const weights = await loadWeights(checkpoint, { signal });
  const subnet = denseSubnet(weights.shape);
  return { weights, subnet, storage: storageOf('source', checkpoint) };
}
