import type { WeightSource } from '../checkpoint/weightSource.ts';
import type { LossHead } from '../graphs/lossHead.ts';
import type { Runner } from '../graphs/runner.ts';
import type { Subnet } from '../model/subnet.ts';

/** The engine's own way to run a candidate, against which exports are compared. */
export interface SearchTimeModel {
  readonly forward: Runner;
  readonly head: LossHead;
}

/**
 * Logits of one window as the search computed them: sliced graphs with weights as inputs.
 * @param window  token ids, [T]
 * @returns  [T, V]
 * @throws EngineError `cancelled`
 */
export async function searchTimeLogits(
  model: SearchTimeModel,
  weights: WeightSource,
  subnet: Subnet,
  window: Uint32Array,
  signal?: AbortSignal,
): Promise<Float32Array> {
  const embedded = await model.forward.embed(weights, [[window]]);
  const states = await model.forward.through(weights, subnet, embedded, { signal });
  try {
    return await model.head.logits(weights, states[0]!);
  } finally {
    model.forward.release(states);
  }
}
