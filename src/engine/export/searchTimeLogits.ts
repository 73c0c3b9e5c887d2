import type { ModelWeights } from '../checkpoint/modelWeights.ts';
import type { ForwardPass } from '../graphs/forwardPass.ts';
import type { LossHead } from '../graphs/lossHead.ts';
import type { Subnet } from '../subnet/subnet.ts';

/** The engine's own way to run a candidate, against which exports are compared. */
export interface SearchTimeModel {
  readonly forward: ForwardPass;
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
  weights: ModelWeights,
  subnet: Subnet,
  window: Uint32Array,
  signal?: AbortSignal,
): Promise<Float32Array> {
  let states = [model.forward.embed(weights, [window])];
  for (const [l, layer] of weights.layers.entries()) {
    const mask = subnet.layers[l]!;
    states = await model.forward.sublayer('attention', layer, mask, states, { signal });
    states = await model.forward.sublayer('mlp', layer, mask, states, { signal });
  }
  return model.head.logits(weights, states[0]!);
}
