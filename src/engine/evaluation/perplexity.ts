import { type Perplexity, perplexityOfSum } from '../../protocol/perplexity.ts';
import type { WeightSource } from '../checkpoint/weightSource.ts';
import type { Runner } from '../graphs/runner.ts';
import type { LossHead } from '../graphs/lossHead.ts';
import type { Subnet } from '../model/subnet.ts';
import { batchesOf } from './tokenBatches.ts';

/** Batches whose residual streams are held at a time; bounds memory on long texts. */
export const BATCHES_AT_A_TIME = 8;

/**
 * exp of the mean negative log-likelihood over all predicted tokens; every window predicts T−1.
 * @param windows  contiguous windows of one length T, no special tokens added
 * @param onProgress  told the windows done
 * @throws EngineError `numeric` when the loss is no number; `text`, `device`, `cancelled`
 * @source METHODS 6.1
 */
export async function perplexityOf(
  forward: Pick<Runner, 'embed' | 'through' | 'release'>,
  head: LossHead,
  candidate: { readonly weights: WeightSource; readonly subnet: Subnet },
  windows: readonly Uint32Array[],
  options: {
    readonly signal?: AbortSignal | undefined;
    readonly onProgress?: ((windowsDone: number) => void) | undefined;
  } = {},
): Promise<Perplexity> {
  const { weights, subnet } = candidate;
  const batches = batchesOf(windows);
  let sum = 0;
  let tokens = 0;
  let done = 0;
  for (let from = 0; from < batches.length; from += BATCHES_AT_A_TIME) {
    const part = batches.slice(from, from + BATCHES_AT_A_TIME);
    const embedded = await forward.embed(weights, part);
    const states = await forward.through(weights, subnet, embedded, { signal: options.signal });
    const flat = part.flat();
    const losses = await head.losses(
      weights,
      states,
      await head.nextTokenTargets(weights, flat),
      options.signal,
    );
    forward.release(states);
    for (let i = 0; i < losses.length; i++) sum += losses[i] as number;
    tokens += losses.length;
    done += flat.length;
    options.onProgress?.(done);
  }
  return perplexityOfSum(sum, tokens);
}
