import { setImmediate } from 'node:timers/promises';
import { throwIfAborted } from '../../protocol/errors.ts';
import { type Perplexity, perplexityOfSum } from '../../protocol/perplexity.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { OnnxDecoder } from './onnxDecoder.ts';

/** Most logits of a step, numbers: 64 MB of float32. */
const LOGITS_AT_A_TIME = 16e6;

/**
 * Perplexity of a decoder as it runs, rounding of its activations included: exp of the mean negative
 * log-likelihood over all predicted tokens; every window predicts T−1.
 *
 * A window goes through the cache in pieces, so that its logits never are in memory all at once.
 * @param path  model.onnx
 * @param vocab  logits of a token
 * @param windows  token ids
 * @throws EngineError `numeric` when the loss is no number; `device`, `verify`, `cancelled`
 * @source METHODS 6.1
 */
export async function decoderPerplexity(
  runtime: Runtime,
  path: string,
  vocab: number,
  windows: readonly Uint32Array[],
  options: {
    readonly signal?: AbortSignal | undefined;
    readonly onProgress?: ((windowsDone: number) => void) | undefined;
  } = {},
): Promise<Perplexity> {
  const decoder = await OnnxDecoder.open(runtime, path);
  const piece = Math.max(1, Math.floor(LOGITS_AT_A_TIME / vocab));
  let [sum, tokens] = [0, 0];
  try {
    for (const [i, window] of windows.entries()) {
      let cache = decoder.emptyCache(1);
      for (let from = 0; from < window.length - 1; from += piece) {
        throwIfAborted(options.signal);
        // Native calls block the event loop; this lets a cancel message in.
        await setImmediate();
        const to = Math.min(window.length - 1, from + piece);
        const step = await decoder.step([window.slice(from, to)], cache);
        cache = step.cache;
        for (let t = from; t < to; t++) {
          const logits = step.logits.subarray((t - from) * vocab, (t - from + 1) * vocab);
          sum += lossOf(logits, window[t + 1]!);
          tokens++;
        }
      }
      options.onProgress?.(i + 1);
    }
  } finally {
    await decoder.release();
  }
  return perplexityOfSum(sum, tokens);
}

/** −log softmax(logits)[token]. */
function lossOf(logits: Float32Array, token: number): number {
  let most = -Infinity;
  for (let i = 0; i < logits.length; i++) if (logits[i]! > most) most = logits[i]!;
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += Math.exp(logits[i]! - most);
  return Math.log(sum) + most - logits[token]!;
}
